{{- define "portcullis.namespace" -}}
{{- .Values.namespace | default .Release.Namespace -}}
{{- end -}}
{{- define "portcullis.labels" -}}
app.kubernetes.io/name: {{ .Values.name }}
{{- end -}}
{{- define "portcullis.metadata" -}}
name: {{ .Values.name }}
namespace: {{ include "portcullis.namespace" . }}
labels:
  {{- include "portcullis.labels" . | nindent 2 }}
{{- end -}}
