#!/bin/sh
# Starts Prometheus and Grafana beside a node, on loopback only, with the rules and the dashboard of this folder:
#   sh config/monitoring.sh [--node HOST:PORT]… [--data FOLDER] [--prometheus-port N] [--grafana-port N]
# Ctrl-C ends both. Without --data what they gather is gone with them. What is not installed is left out, with a line.
# --check writes the configuration, has it checked, and starts nothing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
nodes=
data=
prometheus_port=9190
grafana_port=3000
check=false

fail() {
  printf 'monitoring: %s\n' "$1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  option=$1
  case $option in
  --check)
    check=true
    shift
    continue
    ;;
  --help | -h)
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  --node | --data | --prometheus-port | --grafana-port)
    [ $# -ge 2 ] || fail "$option needs a value"
    ;;
  *) fail "unknown option $option; --help shows them" ;;
  esac
  value=$2
  shift 2
  case $option in
  --node)
    case $value in
    *[!A-Za-z0-9.:_-]* | *: | :* | '') fail "--node: expected HOST:PORT of an admin port, found $value" ;;
    *:*) nodes="$nodes '$value'," ;;
    *) fail "--node: expected HOST:PORT of an admin port, found $value" ;;
    esac
    ;;
  --data) data=$value ;;
  *)
    case $value in *[!0-9]* | '') fail "$option: expected a port, found $value" ;; esac
    if [ "$option" = --prometheus-port ]; then prometheus_port=$value; else grafana_port=$value; fi
    ;;
  esac
done
# Where the admin port of a node is unless its configuration says otherwise.
nodes=${nodes:-" '127.0.0.1:9090',"}

command -v prometheus >/dev/null 2>&1 ||
  fail 'prometheus is not installed (Debian: apt-get install --no-install-recommends prometheus)'

is_temporary=false
if [ -z "$data" ]; then
  data=$(mktemp -d "${TMPDIR:-/tmp}/fxn-monitoring-XXXXXX")
  is_temporary=true
fi
mkdir -p "$data/prometheus" "$data/grafana"
data=$(cd "$data" && pwd)

prometheus_pid=
grafana_pid=
sleep_pid=
end() {
  trap - EXIT
  # Neither may outlive this script; SIGTERM lets them write what they hold.
  for pid in $prometheus_pid $grafana_pid $sleep_pid; do kill -TERM "$pid" 2>/dev/null || :; done
  for pid in $prometheus_pid $grafana_pid; do wait "$pid" 2>/dev/null || :; done
  if $is_temporary; then rm -rf "$data"; fi
}
trap end EXIT
trap 'end; exit 0' INT TERM HUP

cat >"$data/prometheus.yaml" <<YAML
global:
  scrape_interval: 15s
  evaluation_interval: 15s
rule_files:
  - '$here/prometheus/rules/*.yaml'
scrape_configs:
  - job_name: fxn-node
    static_configs:
      - targets: [${nodes%,} ]
YAML

if $check; then
  promtool check config "$data/prometheus.yaml"
  exit
fi

prometheus --config.file="$data/prometheus.yaml" --storage.tsdb.path="$data/prometheus" \
  --web.listen-address="127.0.0.1:$prometheus_port" --log.level=warn &
prometheus_pid=$!
printf 'monitoring: Prometheus on http://127.0.0.1:%s\n' "$prometheus_port"

grafana=$(command -v grafana || command -v grafana-server || :)
if [ -z "$grafana" ]; then
  printf 'monitoring: grafana is not installed; import config/grafana/fxn-node.json where it is\n'
else
  # `grafana server` is the newer form of `grafana-server`.
  case $grafana in */grafana) set -- server ;; *) set -- ;; esac
  FXN_PROMETHEUS_URL="http://127.0.0.1:$prometheus_port" FXN_DASHBOARDS="$here/grafana" \
    GF_SERVER_HTTP_ADDR=127.0.0.1 GF_SERVER_HTTP_PORT="$grafana_port" \
    GF_PATHS_DATA="$data/grafana" GF_PATHS_LOGS="$data/grafana" GF_PATHS_PROVISIONING="$here/grafana/provisioning" \
    GF_AUTH_ANONYMOUS_ENABLED=true GF_AUTH_ANONYMOUS_ORG_ROLE=Viewer GF_ANALYTICS_REPORTING_ENABLED=false \
    GF_ANALYTICS_CHECK_FOR_UPDATES=false GF_LOG_LEVEL=warn \
    "$grafana" "$@" --homepath "${GF_PATHS_HOME:-/usr/share/grafana}" &
  grafana_pid=$!
  printf 'monitoring: Grafana on http://127.0.0.1:%s/d/fxn-provider-node\n' "$grafana_port"
fi

# One that ends by itself ends the other, and says so by the exit code.
while kill -0 "$prometheus_pid" 2>/dev/null && { [ -z "$grafana_pid" ] || kill -0 "$grafana_pid" 2>/dev/null; }; do
  # In the background, so that a signal does not wait for it.
  sleep 1 &
  sleep_pid=$!
  wait "$sleep_pid"
done
printf 'monitoring: a part ended by itself; the last lines above say why\n' >&2
exit 1
