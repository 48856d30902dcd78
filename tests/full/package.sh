# the portable package in an empty root folder, the image on a real Docker
# sources: packaging harness/core/self.cpp harness/core/kernel.hpp harness/lease/process.cpp harness/cli/main.cpp
[ "$(uname -m)" = x86_64 ] || { say "the portable package is for x86_64"; exit 77; }
[ "$(id -u)" = 0 ] || { say "chroot and a Docker daemon need root"; exit 77; }
need harness package docker
scratch=$(mktemp -d /tmp/cardstorm-package-XXXXXX) server='' daemon=''
finish() {
  [ -z "$server" ] || kill "$server"
  if [ -n "$daemon" ]; then kill "$daemon"; wait "$daemon" || true; fi
  for mounted in "$scratch/root/proc" "$scratch"/docker/exec/netns/*; do ! mountpoint -q "$mounted" || umount "$mounted"; done
  rm -rf --one-file-system "$scratch"
}
trap finish EXIT

# ends CODE WORDS COMMAND...: the command ends with that code and says these words.
ends() {
  local want=$1 words=$2 code=0; shift 2
  "$@" > "$scratch/said" 2>&1 || code=$?
  [ "$code" = "$want" ] && grep -qF -- "$words" "$scratch/said" && return
  echo "$* ended with $code, not $want with '$words': $(tail -3 "$scratch/said" | tr '\n' ' ')" | tee -a "$failures" >&2
}

# A web server to send something to.
mkdir -p "$scratch/pages"; echo hello > "$scratch/pages/index.html"
python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$scratch/pages" > "$scratch/server" 2> /dev/null & server=$!
until grep -q port "$scratch/server"; do kill -0 "$server"; sleep 0.1; done
port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$scratch/server")
cat > "$scratch/pages.yaml" <<END
target: pages
why: A web server on this machine.
kind: external
url: http://127.0.0.1:$port
journeys: external-example
END
cat > "$scratch/gate.yaml" <<END
scenario: gate
why: Pages by GET.
target: pages.yaml
traffic: { base_rate: 5, late_max: 5s }
timing: { steady: 5s, gap: 1s, drain: 5s }
levels: [ { for: 5s, gap: 1s } ]
checks: none
slo: { samples_min: 1 }
expect: { success_rate: ">= 0.5" }
END

# An empty root folder: nothing but the package.
portable=$("$root/cardstorm" package | grep '\.tar\.gz$')
mkdir "$scratch/root"; tar -xzf "$portable" -C "$scratch/root"
bin=/$(basename "$portable" .tar.gz)/bin/cardstorm
inside=(chroot "$scratch/root" "$bin")
ends 0 "cardstorm " "${inside[@]}" --version
ends 0 "Ready to plan, judge and report" "${inside[@]}" doctor
ends 0 node_kill "${inside[@]}" list faults
ends 0 smoke "${inside[@]}" list scenarios
ends 4 "CardStorm needs 5.3 or newer" setarch --uname-2.6 "${inside[@]}" --version
ends 4 "需要 5.3 或更新的内核" setarch --uname-2.6 "${inside[@]}" --version
cp "$scratch"/{pages,gate}.yaml "$scratch/root/"
ends 0 "planned    25 trades" "${inside[@]}" plan gate.yaml
# What a run needs of the system besides.
mkdir "$scratch"/root/{proc,dev,tmp}; mknod -m 666 "$scratch/root/dev/null" c 1 3; mount -t proc proc "$scratch/root/proc"
ends 0 "Report: /run" "${inside[@]}" run gate.yaml --out /run
ends 0 "nothing to recover" "${inside[@]}" recover /run
ends 0 "Verdict" "${inside[@]}" judge /run

# The image.
image=$("$root/cardstorm" image)
[ "$(stat -c %s "$image")" -le $((60 << 20)) ] || echo "the image is larger than 60 MB" >> "$failures"
sum=$(sha256sum < "$image")
"$root/cardstorm" image > /dev/null
[ "$sum" = "$(sha256sum < "$image")" ] || echo "the image is another one each time" >> "$failures"
mkdir "$scratch/docker"; export DOCKER_HOST=unix://$scratch/docker/sock
dockerd --iptables=false --ip6tables=false --bridge=none -H "$DOCKER_HOST" --data-root "$scratch/docker/data" --exec-root "$scratch/docker/exec" \
  --pidfile "$scratch/docker/pid" > "$scratch/docker/log" 2>&1 & daemon=$!
until docker version > /dev/null 2>&1; do
  kill -0 "$daemon" 2> /dev/null || { daemon=''; say "no Docker daemon runs here: $(tail -1 "$scratch/docker/log")"; exit 77; }
  sleep 0.2
done
ends 0 "Loaded image: cardstorm:" docker load -i "$image"
name=$(docker images --format '{{.Repository}}:{{.Tag}}' cardstorm | head -1)
ends 0 "Ready: " docker run --rm --network none "$name" doctor
ends 0 node_kill docker run --rm --network none "$name" list faults
mkdir "$scratch/work"; cp "$scratch"/{pages,gate}.yaml "$scratch/work/"; chown -R 1000:1000 "$scratch/work"
ends 0 "Report: /work/" docker run --rm --network host --user 1000:1000 -v "$scratch/work:/work" "$name" run gate.yaml
[ ! -s "$failures" ]
