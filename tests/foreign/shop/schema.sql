-- The shop's books. Money is DECIMAL yuan, states are small numbers, as shops of this kind have it.
CREATE TABLE goods (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sku VARCHAR(64) NOT NULL,
  name VARCHAR(128) NOT NULL,
  price DECIMAL(10,2) NOT NULL,
  on_sale TINYINT NOT NULL DEFAULT 1,
  UNIQUE KEY uk_sku (sku)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE orders (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  order_no VARCHAR(32) NOT NULL,
  submit_token VARCHAR(64) NULL,                 -- of the order form: pressing twice makes one order
  goods_id INT UNSIGNED NOT NULL,
  quantity INT UNSIGNED NOT NULL,
  money DECIMAL(10,2) NOT NULL,
  contact VARCHAR(128) NOT NULL,
  status TINYINT NOT NULL DEFAULT 0,             -- 0 unpaid, 1 paid, 2 delivered, 3 to be refunded, 4 refunded, -1 closed
  pay_type VARCHAR(16) NOT NULL DEFAULT '',
  trade_no VARCHAR(64) NULL,
  paid_money DECIMAL(10,2) NOT NULL DEFAULT 0,
  info MEDIUMTEXT NULL,                          -- what the buyer gets to see: number----secret lines
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  paid_at DATETIME(3) NULL,
  UNIQUE KEY uk_order_no (order_no),
  UNIQUE KEY uk_submit_token (submit_token),
  KEY k_open (status, created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE cards (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  goods_id INT UNSIGNED NOT NULL,
  number VARCHAR(128) NOT NULL,
  secret VARCHAR(128) NOT NULL,
  status TINYINT NOT NULL DEFAULT 0,             -- 0 free, 1 reserved, 2 sold
  order_id BIGINT UNSIGNED NULL,
  UNIQUE KEY uk_card (goods_id, secret),
  KEY k_free (goods_id, status, id),
  KEY k_order (order_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE notify_log (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  order_no VARCHAR(64) NOT NULL,
  trade_no VARCHAR(64) NOT NULL,
  money VARCHAR(32) NOT NULL,
  result VARCHAR(32) NOT NULL,
  ip VARCHAR(64) NOT NULL,
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  KEY k_order_no (order_no)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
