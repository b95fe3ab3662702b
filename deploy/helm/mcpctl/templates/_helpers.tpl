{{- define "mcpctl.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Selector of one component: (list $ "gateway"). */}}
{{- define "mcpctl.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The same within braces. */}}
{{- define "mcpctl.match" -}}
{{ include "mcpctl.selector" . | fromYaml | toJson }}
{{- end -}}

{{- define "mcpctl.labels" -}}
{{- $root := index . 0 -}}
{{ include "mcpctl.selector" . }}
app.kubernetes.io/version: {{ default $root.Chart.AppVersion $root.Values.image.tag | quote }}
app.kubernetes.io/part-of: mcpctl
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image of ours: (list $ .Values.mcpd.image). */}}
{{- define "mcpctl.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $root.Chart.AppVersion $root.Values.image.tag }}{{ end -}}
{{- end -}}

{{/* What all our pods have: the restricted Pod Security Standard, and a user of our own. */}}
{{- define "mcpctl.podSecurity" -}}
runAsNonRoot: true
{{- with .user }}
runAsUser: {{ . }}
{{- end }}
{{- with .group }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
{{- end }}
# Private files stay private: only a new volume is given to the group.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "mcpctl.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "mcpctl.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where a component's pods go: (list $ "mcpd" .Values.mcpd). */}}
{{- define "mcpctl.placement" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $of := index . 2 -}}
{{- with $of.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $of.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $of.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if $of.affinity }}
affinity: {{- toYaml $of.affinity | nindent 2 }}
{{- else }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector: { matchLabels: {{ include "mcpctl.match" (list $root $name) }} }
{{- end }}
{{- with $of.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The database, as environment of mcpd; (list $ SECRET KEY), SECRET "" for the usual one. */}}
{{- define "mcpctl.databaseEnv" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.postgresql.enabled -}}
- { name: DATABASE_URL, value: "postgres://mcpctl@{{ include "mcpctl.fullname" $root }}-postgresql:5432/mcpctl" }
- name: PGPASSWORD
  valueFrom: { secretKeyRef: { name: {{ $root.Values.postgresql.existingSecret }}, key: {{ $root.Values.postgresql.key }} } }
{{- else -}}
{{- $own := index . 1 -}}
- name: DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ default $root.Values.database.existingSecret $own }}, key: {{ ternary (index . 2) $root.Values.database.key (ne $own "") }} } }
{{- end }}
{{- end -}}

{{/* The master key. A file of a Secret can be read by the pod's group, which mcpd refuses, so it comes as a variable. */}}
{{- define "mcpctl.masterKeyEnv" -}}
{{- if .Values.mcpd.masterKey.source -}}
- { name: MCPD_MASTER_KEY_SOURCE, value: {{ .Values.mcpd.masterKey.source | quote }} }
{{- else -}}
- { name: MCPD_MASTER_KEY_SOURCE, value: "env:MCPD_MASTER_KEY" }
- name: MCPD_MASTER_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.mcpd.masterKey.existingSecret }}, key: {{ .Values.mcpd.masterKey.key }} } }
{{- end }}
{{- end -}}

{{/* Names of a Service, and others: (list $ "mcpd" .Values.mcpd). */}}
{{- define "mcpctl.hosts" -}}
{{- $root := index . 0 -}}{{- $of := index . 2 -}}
{{- $service := printf "%s-%s" (include "mcpctl.fullname" $root) (index . 1) -}}
{{- $in := printf "%s.%s" $service $root.Release.Namespace -}}
{{- $hosts := list "localhost" "127.0.0.1" $service $in (printf "%s.svc" $in) (printf "%s.svc.cluster.local" $in) -}}
{{- if $of.ingress.enabled }}{{- $hosts = append $hosts $of.ingress.host }}{{- end -}}
{{- join "," (concat $hosts $of.allowedHosts | uniq) -}}
{{- end -}}

{{- define "mcpctl.mcpdUrl" -}}
{{- if .Values.gateway.mcpdUrls -}}
{{- join "," .Values.gateway.mcpdUrls -}}
{{- else -}}
http://{{ include "mcpctl.fullname" . }}-mcpd:{{ .Values.mcpd.service.port }}
{{- end -}}
{{- end -}}

{{- define "mcpctl.mcpdServiceAccount" -}}
{{ include "mcpctl.fullname" . }}-mcpd
{{- end -}}
