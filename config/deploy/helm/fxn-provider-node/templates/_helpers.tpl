{{- define "fxn.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "fxn.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fxn.labels" -}}
{{ include "fxn.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* config.yaml: the operator's, under what the pod needs to be reached and to find its key. */}}
{{- define "fxn.config" -}}
{{- $ours := dict "node" (dict "listenAddress" "0.0.0.0" "listenPort" 8080) "admin" (dict "listenAddress" "0.0.0.0" "listenPort" 9090) -}}
{{- with .Values.key.existingSecret -}}
{{- $_ := set $ours "keys" (dict "file" "/run/fxn-key/nodekey.json") -}}
{{- if $.Values.key.passwordKey -}}
{{- $_ := set $ours.keys "passwordFile" "/run/fxn-key/password" -}}
{{- end -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) $ours | toYaml -}}
{{- end -}}
