/**
 * Shell scripts that run in the pods of Redis and the sentinels in mode `sentinel`, with what the images have: sh, redis-cli and coreutils.
 * Their environment: `MEMBER`, the pod's own name; `REDIS_MEMBERS` and `SENTINEL_MEMBERS`, the names of all.
 * The folders are variables for the tests alone.
 */

/** What the others share. */
export const MEMBERS_SCRIPT = `\
# The password of the servers and sentinels, out of the file that follows the Secret: it may be another one since this container started. By redis-cli's own
# variable, so that it is on no command line.
password() {
  sed -n -e 's/^masterauth //p' -e 's/^sentinel sentinel-pass //p' "\${AUTH:-/etc/redis-auth}/auth.conf"
}

# Asks a Redis or a sentinel; nothing when it does not answer. host, port, command...
ask() {
  host="$1" port="$2"
  shift 2
  REDISCLI_AUTH="$(password)" timeout 2 redis-cli --user node -h "$host" -p "$port" "$@" 2>/dev/null | tr -d '\\r' || true
}

is_redis_member() {
  case " $REDIS_MEMBERS " in *" $1 "*) return 0 ;; esac
  return 1
}

# The master, as the newest answer of two sentinels or more has it; nothing while fewer answer. The newest, as they have it among themselves: two
# that were ended in the middle of a failover would else never agree, for they talk to each other through Redis alone.
current_master() {
  for sentinel in $SENTINEL_MEMBERS; do
    ask "$sentinel" 26379 sentinel master chat |
      sed -n -e '/^ip$/{n;h;}' -e '/^config-epoch$/{n;G;s/\\n/ /p;}'
  done | sort -rn | {
    if read -r epoch newest && read -r second && is_redis_member "$newest"; then echo "$newest"; fi
  }
}
`;

/** Starts Redis as what the sentinels say that it is: it keeps no opinion of its own. */
export const START_REDIS_SCRIPT = `\
set -eu
. "\${SCRIPTS:-/etc/redis}/members.sh"
data="\${DATA:-/data}" config="\${RUN:-/run/redis}/redis.conf"
trap 'exit 143' TERM

# Whether another Redis server has data. A master with an empty volume would make all of them as empty as itself.
others_have_data() {
  for member in $REDIS_MEMBERS; do
    if [ "$member" != "$MEMBER" ] && ask "$member" 6379 info keyspace | grep -q '^db0:'; then return 0; fi
  done
  return 1
}

said=""
say() {
  if [ "$said" != "$1" ]; then echo "$1"; fi
  said="$1"
}

while :; do
  master=$(current_master)
  if [ -z "$master" ]; then
    say "waiting for two sentinels"
  elif [ "$master" != "$MEMBER" ]; then
    role="replicaof $master 6379"
    break
  elif [ ! -e "$data/appendonlydir" ] && others_have_data; then
    say "this volume is empty and others have data: waiting until the sentinels make another the master"
  else
    role=""
    break
  fi
  sleep 1
done
say "starting as \${role:-the master}"
printf '%s\\n' "include \${SCRIPTS:-/etc/redis}/redis.conf" "replica-announce-ip $MEMBER" "$role" >"$config"
exec redis-server "$config"
`;

/**
 * Before a master ends in order: writes stop, a replica has everything, and is the master. Sentinel's own failover leaves the old
 * master one for seconds, whose writes would be lost.
 */
export const HAND_OVER_SCRIPT = `\
set -eu
. "\${SCRIPTS:-/etc/redis}/members.sh"
if [ "$(ask "$MEMBER" 6379 role | head -n 1)" != master ]; then exit 0; fi
if ! ask "$MEMBER" 6379 info replication | grep -q 'state=online'; then exit 0; fi
ask "$MEMBER" 6379 client pause 30000 write >/dev/null
tries=0
until [ "$tries" -ge 20 ]; do
  info=$(ask "$MEMBER" 6379 info replication)
  offset=$(echo "$info" | sed -n 's/^master_repl_offset://p')
  if echo "$info" | grep -q "state=online,offset=$offset,"; then break; fi
  tries=$((tries + 1))
  sleep 0.1
done
started=""
for sentinel in $SENTINEL_MEMBERS; do
  case "$(ask "$sentinel" 26379 sentinel failover chat)" in
  OK | INPROG*) started=yes && break ;;
  esac
done
if [ -z "$started" ]; then exit 0; fi
tries=0 silence=0
until [ "$tries" -ge 30 ] || [ "$silence" -ge 4 ]; do
  master=$(current_master)
  # All of Redis ends at once, the sentinels too: nobody makes another one the master.
  if [ -z "$master" ]; then silence=$((silence + 1)); else silence=0; fi
  if [ -n "$master" ] && [ "$master" != "$MEMBER" ]; then
    # What waits in its connections is refused now, and it has nobody to wait for when it ends.
    ask "$MEMBER" 6379 replicaof "$master" 6379 >/dev/null
    ask "$MEMBER" 6379 client unpause >/dev/null
    exit 0
  fi
  tries=$((tries + 1))
  sleep 0.5
done
`;

/**
 * Starts a sentinel with what it knew: who the master is, and for whom it voted. A new one asks the Redis servers whom they follow. Its id
 * is made of its name, so that a new volume makes no new sentinel, which the others would count for ever.
 */
export const START_SENTINEL_SCRIPT = `\
set -eu
. "\${SCRIPTS:-/etc/redis}/members.sh"
data="\${DATA:-/data}"
config="$data/sentinel.conf"

# The master that most of the Redis servers follow, else the first.
find_master() {
  followed=$(for member in $REDIS_MEMBERS; do
    ask "$member" 6379 info replication | sed -n 's/^master_host://p'
  done | sort | uniq -c | sort -rn | sed -n '1s/^ *[0-9]* //p')
  if is_redis_member "$followed"; then echo "$followed"; else echo "\${REDIS_MEMBERS%% *}"; fi
}

known=""
if [ -e "$config" ]; then
  known=$(grep -E '^sentinel (monitor|config-epoch|leader-epoch|current-epoch|known-sentinel) ' "$config" || true)
  for member in $REDIS_MEMBERS; do
    known=$(printf '%s\\n%s' "$known" "$(grep "^sentinel known-replica chat $member " "$config" || true)")
  done
  monitored=$(echo "$known" | sed -n 's/^sentinel monitor chat \\([^ ]*\\) .*/\\1/p')
  if ! is_redis_member "$monitored"; then known=""; fi
fi
if [ -z "$known" ]; then known="sentinel monitor chat $(find_master) 6379 $QUORUM"; fi
{
  echo "sentinel resolve-hostnames yes"
  echo "sentinel announce-hostnames yes"
  echo "sentinel announce-ip $MEMBER"
  echo "sentinel myid $(printf %s "$MEMBER" | sha1sum | cut -c 1-40)"
  echo "$known"
  cat "\${SCRIPTS:-/etc/redis}/sentinel.conf" "\${AUTH:-/etc/redis-auth}/auth.conf"
} >"$config.next"
mv "$config.next" "$config"
exec redis-server "$config" --sentinel
`;
