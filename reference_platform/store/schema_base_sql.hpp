// schema_base_sql: what the other parts of the hardened variant's schema stand on: row numbers, partitions, the local
// message table. :database and :databases are replaced by this database's number and how many there are.
#pragma once

namespace platform::store {

inline constexpr char kBaseSql[] = R"sql(
-- Row numbers that rise with time over all databases together, so that one keyset page can hold rows of both: milliseconds since
-- 2026, then a sequence, then the database. Until 2060 they stay below 2^53: browsers and jq read numbers as doubles.
CREATE SEQUENCE row_numbers;
CREATE FUNCTION next_row() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT (((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1767225600000) << 13) | ((nextval('row_numbers') & 4095) << 1) | :database
$$;

-- The partitions of this database: those p of 0 to 15 with p * databases / 16 = database (store/shards.hpp).
CREATE FUNCTION make_partitions(p_table text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR p IN 0..15 LOOP
    IF p * :databases / 16 = :database THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (%s)', p_table || '_' || p, p_table, p);
    END IF;
  END LOOP;
END $$;

-- The partition that an order number (or any number that starts with one) carries. A join with `o.part = part_of(no)` looks into one partition.
CREATE FUNCTION part_of(p_no text) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (position(substr(p_no, 2, 1) IN '0123456789ABCDEF') - 1)::smallint
$$;

-- The local message table: written in the transaction of the change it tells of, taken by SKIP LOCKED, deleted when its effect is
-- in. services/messages.hpp says who tells whom what. `trace` is the traceparent of what caused it.
CREATE TABLE outbox (
  id bigserial PRIMARY KEY, topic text NOT NULL, order_no text NOT NULL, body text NOT NULL DEFAULT '{}',
  mark text NOT NULL DEFAULT '', trace text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(), lease_until timestamptz NOT NULL DEFAULT '-infinity');
CREATE INDEX outbox_topic ON outbox (topic, id);
)sql";

}  // namespace platform::store
