# pack: the portable package and the image, out of build/harness-only. Read by the launcher, whose root, say and die it uses.
# The same commit with the same Debian packages gives the same bytes: names sorted, the commit's time on all, no owners.

pack_dir=${pack_dir:-$root/build/harness-only}
epoch() { echo "${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md")}"; }
version() { sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$pack_dir/CMakeCache.txt"; }

# tar_of DIR [NAME...]: DIR's content as a tar on stdout.
tar_of() {
  local dir=$1; shift
  tar --sort=name --mtime="@$(epoch)" --owner=0 --group=0 --numeric-owner --format=gnu -C "$dir" -cf - "${@:-.}"
}

# libraries_of FILE...: the shared libraries that they load, and the loader.
libraries_of() {
  ldd "$@" | awk '/not found/ { print "cardstorm: " $1 " is not on this machine" > "/dev/stderr"; bad = 1 }
    $2 == "=>" { print $3 } $1 ~ /^\/.*[^:]$/ { print $1 }
    END { exit bad }' | sort -u
}

# licences_of DIR FILE...: the copyright files of the Debian packages that own the files go into DIR, with their versions.
licences_of() {
  local dir=$1 file real owners owner all=(); shift
  for file in "$@"; do real=$(readlink -f "$file"); all+=("$real" "${real#/usr}"); done  # older packages name /lib, not /usr/lib
  owners=$(dpkg-query -S "${all[@]}" 2> /dev/null || true)
  for file in "$@"; do
    real=$(readlink -f "$file")
    owner=$(awk -v a="$real" -v b="${real#/usr}" '$NF == a || $NF == b { sub(/[:,].*/, ""); print; exit }' <<< "$owners")
    [ -n "$owner" ] || { say "no Debian package owns $file: its licence is not known"; return 1; }
    cp "/usr/share/doc/$owner/copyright" "$dir/$owner"
  done
  owners=$(cd "$dir" && dpkg-query -W -f '${Package} ${Version}\n' -- *) && sort -u <<< "$owners" > "$dir/versions.txt"
}

# portable_tree DIR: what runs on any Linux: bin/cardstorm (its entry), lib/ (loader, libraries, program), share/, licences/.
portable_tree() {
  local dir=$1 library libraries plugins
  rm -rf "$dir"; mkdir -p "$dir"/{bin,lib/mariadb,licences}
  cmake --install "$pack_dir" --prefix "$dir" --strip > /dev/null || return 1
  mv "$dir/bin/cardstorm" "$dir/lib/cardstorm"
  strip -o "$dir/bin/cardstorm" "$pack_dir/bin/cardstorm-entry" || return 1
  # Ways to log in to MySQL and MariaDB are libraries that libmariadb loads by itself.
  plugins=$(mariadb_config --plugindir) && cp "$plugins"/*.so "$dir/lib/mariadb/" || return 1
  libraries=$(libraries_of "$dir/lib/cardstorm" "$dir"/lib/mariadb/*.so) || return 1
  for library in $libraries; do cp -L "$library" "$dir/lib/"; done
  licences_of "$dir/licences" $libraries /usr/include/boost/version.hpp /usr/include/CLI/CLI.hpp || return 1  # two are headers alone
  chmod -R u=rwX,go=rX "$dir"
}

# portable_package: prints the path of the tar.gz.
portable_package() {
  local name; name=cardstorm-$(version)-linux-$(uname -m)
  [ -e "$pack_dir/bin/cardstorm-entry" ] || { say "no portable package: it is for x86_64, this is $(uname -m)"; return 0; }
  portable_tree "$pack_dir/portable/$name" || die 4 "the portable package could not be put together"
  tar_of "$pack_dir/portable" "$name" | gzip -n > "$pack_dir/$name.tar.gz" || die 4 "cannot write $pack_dir/$name.tar.gz"
  echo "$pack_dir/$name.tar.gz"
}

# blob FILE: moves FILE under its digest into the layout; prints digest and size.
blob() {
  local sum; sum=$(sha256sum < "$1" | cut -d' ' -f1)
  printf 'sha256:%s %s\n' "$sum" "$(stat -c %s "$1")"
  mv "$1" "$pack_dir/image/layout/blobs/sha256/$sum"
}

# image_archive: an OCI layout in a tar, with the manifest.json that older `docker load` reads; prints its path.
image_archive() {
  local dir=$pack_dir/image version revision created tree layer layer_size config config_size manifest manifest_size diff out
  [ -e "$pack_dir/bin/cardstorm-entry" ] || die 4 "an image can be made on x86_64 alone, this is $(uname -m)"
  version=$(version) revision=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)
  created=$(date -u -d "@$(epoch)" +%FT%TZ) tree=$dir/root
  rm -rf "$dir"; mkdir -p "$dir/layout/blobs/sha256" "$tree"/{etc/ssl/certs,opt,tmp,usr/local/bin,work}
  portable_tree "$tree/opt/cardstorm" || die 4 "the image could not be put together"
  ln -s /opt/cardstorm/bin/cardstorm "$tree/usr/local/bin/cardstorm"
  printf 'root:x:0:0:root:/:/\ncardstorm:x:65532:65532:CardStorm:/work:/\n' > "$tree/etc/passwd"
  printf 'root:x:0:\ncardstorm:x:65532:\n' > "$tree/etc/group"
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
  cp /usr/share/doc/ca-certificates/copyright "$tree/opt/cardstorm/licences/ca-certificates"
  chmod 1777 "$tree/tmp" "$tree/work"
  tar_of "$tree" > "$dir/layer.tar"
  diff=$(sha256sum < "$dir/layer.tar" | cut -d' ' -f1)
  gzip -n "$dir/layer.tar"
  read -r layer layer_size < <(blob "$dir/layer.tar.gz")
  printf '{"created":"%s","architecture":"amd64","os":"linux","config":{"User":"65532:65532","Env":["PATH=/usr/local/bin","HOME=/work"],"Entrypoint":["/opt/cardstorm/bin/cardstorm"],"Cmd":["--help"],"WorkingDir":"/work","Labels":{"org.opencontainers.image.title":"CardStorm","org.opencontainers.image.description":"proves that a card-trading system survives: replay, faults, recovery, audit","org.opencontainers.image.version":"%s","org.opencontainers.image.revision":"%s","org.opencontainers.image.created":"%s"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"%s","created_by":"cardstorm image"}]}' \
    "$created" "$version" "$revision" "$created" "$diff" "$created" > "$dir/config"
  read -r config config_size < <(blob "$dir/config")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"%s","size":%s}]}' \
    "$config" "$config_size" "$layer" "$layer_size" > "$dir/manifest"
  read -r manifest manifest_size < <(blob "$dir/manifest")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"annotations":{"io.containerd.image.name":"docker.io/library/cardstorm:%s","org.opencontainers.image.ref.name":"%s"}}]}' \
    "$manifest" "$manifest_size" "$version" "$version" > "$dir/layout/index.json"
  printf '{"imageLayoutVersion":"1.0.0"}' > "$dir/layout/oci-layout"
  printf '[{"Config":"blobs/sha256/%s","RepoTags":["cardstorm:%s"],"Layers":["blobs/sha256/%s"]}]' \
    "${config#sha256:}" "$version" "${layer#sha256:}" > "$dir/layout/manifest.json"
  out=$pack_dir/cardstorm-$version-image.tar
  tar_of "$dir/layout" blobs index.json manifest.json oci-layout > "$out" || die 4 "cannot write $out"
  rm -rf "$dir"
  echo "$out"
}
