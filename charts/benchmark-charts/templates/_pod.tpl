{{/*
The pod template and its parts.
*/}}

{{/* The pod template; `configMap` is the name of the ConfigMap. It names no version of the chart: see benchmark.name. */}}
{{- define "benchmark.podTemplate" -}}
{{- $b := .root.Values.benchmark -}}
metadata:
  labels:
    {{- include "benchmark.podLabels" .root | fromJson | toYaml | nindent 4 }}
  annotations:
    {{- include "benchmark.podAnnotations" .root | fromJson | toYaml | nindent 4 }}
spec:
  restartPolicy: Never
  {{- with include "benchmark.podDeadline" .root }}
  activeDeadlineSeconds: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ include "benchmark.grace" .root }}
  serviceAccountName: {{ include "benchmark.serviceAccountName" .root | quote }}
  automountServiceAccountToken: false
  # A Service named inference-perf would otherwise put INFERENCE_PERF_* variables into the container.
  enableServiceLinks: false
  {{- with include "benchmark.list" $b.imagePullSecrets | fromJsonArray }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "benchmark.map" $b.podSecurityContext | fromJson }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "benchmark.affinity" .root | fromJson }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "benchmark.strings" (dict "key" "benchmark.nodeSelector" "maps" (list $b.nodeSelector)) | fromJson }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "benchmark.list" $b.tolerations | fromJsonArray }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: inference-perf
      image: {{ include "benchmark.image" .root | quote }}
      imagePullPolicy: {{ $b.image.pullPolicy | default "IfNotPresent" | quote }}
      command: ["inference-perf"]
      args: ["--config_file", "/workspace/config.yml"]
      workingDir: /results
      env:
        {{- include "benchmark.env" .root | fromJsonArray | toYaml | nindent 8 }}
      {{- with include "benchmark.resources" $b | fromJson }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "benchmark.map" $b.securityContext | fromJson }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        # Only the file: a volume at /workspace would hide what upstream's image has there.
        - name: config
          mountPath: /workspace/config.yml
          subPath: config.yml
          readOnly: true
        - name: results
          mountPath: /results
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: config
      configMap:
        name: {{ .configMap | quote }}
    - name: results
      emptyDir: {}
    - name: tmp
      emptyDir: {}
{{- end -}}

{{- define "benchmark.podLabels" -}}
{{- $own := dict "app" "inference-perf" "benchmark.scenario" .Values.benchmark.scenario -}}
{{- include "benchmark.strings" (dict "key" "benchmark.podLabels" "maps" (list .Values.commonLabels .Values.benchmark.podLabels (include "benchmark.identity" . | fromJson) $own)) -}}
{{- end -}}

{{/*
A Job's failure policy is as immutable as its pod template, but no part of it: the annotation about disruptions brings it
into the hash that the Job's name ends in.
*/}}
{{- define "benchmark.podAnnotations" -}}
{{- $own := dict "checksum/config" (include "benchmark.config.digest" .) -}}
{{- if eq (toJson .Values.benchmark.job.retryOnDisruption) "true" -}}
{{- $_ := set $own "benchmark.retryOnDisruption" "true" -}}
{{- end -}}
{{- include "benchmark.strings" (dict "key" "benchmark.podAnnotations" "maps" (list .Values.commonAnnotations .Values.benchmark.podAnnotations $own)) -}}
{{- end -}}

{{/* The chart's variables, then the user's; one that the user gives too is left out of the chart's. */}}
{{- define "benchmark.env" -}}
{{- $b := .Values.benchmark -}}
{{- $own := list (dict "name" "HOME" "value" "/results") (dict "name" "HF_HOME" "value" "/tmp/hf") -}}
{{- with include "benchmark.text" (dict "key" "benchmark.hfToken.existingSecret" "value" $b.hfToken.existingSecret) -}}
{{- $ref := dict "name" . "key" ($b.hfToken.key | default "token") "optional" (ne (toJson $b.hfToken.optional) "false") -}}
{{- $own = append $own (dict "name" "HF_TOKEN" "valueFrom" (dict "secretKeyRef" $ref)) -}}
{{- end -}}
{{- $secret := include "benchmark.text" (dict "key" "benchmark.storage.s3.existingSecret" "value" $b.storage.s3.existingSecret) -}}
{{- if and $secret (eq (include "benchmark.s3.enabled" .) "true") -}}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" -}}
{{- $own = append $own (dict "name" . "valueFrom" (dict "secretKeyRef" (dict "name" $secret "key" .))) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- $given := list -}}
{{- range $i, $entry := $b.extraEnv -}}
{{- $name := include "benchmark.text" (dict "key" (printf "benchmark.extraEnv[%d].name" $i) "value" $entry.name) -}}
{{- if has $name $names -}}
{{- fail (printf "benchmark.extraEnv[%d].name: %s stands in the list twice; keep one of them" $i (toJson $name)) -}}
{{- end -}}
{{- $names = append $names $name -}}
{{- $copy := include "benchmark.map" $entry | fromJson -}}
{{- if not (kindIs "invalid" $copy.value) -}}
{{- /* From the entry itself: JSON has made a double of a whole number. */ -}}
{{- $_ := set $copy "value" (include "benchmark.scalar" $entry.value) -}}
{{- end -}}
{{- $given = append $given $copy -}}
{{- end -}}
{{- $env := list -}}
{{- range $own -}}
{{- if not (has .name $names) -}}{{- $env = append $env . -}}{{- end -}}
{{- end -}}
{{- toRawJson (concat $env $given) -}}
{{- end -}}

{{/*
The container's resources: `main`, which older guides write to, is merged over the rest. Quantities are strings, whatever
`--set …cpu=4` makes of them.
*/}}
{{- define "benchmark.resources" -}}
{{- $resources := deepCopy (.resources | default dict) -}}
{{- $main := $resources.main | default dict -}}
{{- $_ := unset $resources "main" -}}
{{- include "benchmark.merge" (dict "into" $resources "from" $main) -}}
{{- range $part := list "requests" "limits" -}}
{{- with index $resources $part -}}
{{- $_ := set $resources $part (include "benchmark.strings" (dict "key" (printf "benchmark.resources.%s" $part) "maps" (list .)) | fromJson) -}}
{{- end -}}
{{- end -}}
{{- include "benchmark.map" $resources -}}
{{- end -}}

{{/* The service and namespace that target.baseUrl names, as a map; empty if its host is no Service of the cluster. */}}
{{- define "benchmark.targetService" -}}
{{- $host := regexReplaceAll "(?s)^https?://([^/?#:]*).*$" (.Values.benchmark.target.baseUrl | default "") "${1}" -}}
{{- $service := dict -}}
{{- if and (regexMatch "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$" $host) (ne $host "localhost") -}}
{{- $labels := splitList "." $host -}}
{{- if eq (len $labels) 1 -}}
{{- $service = dict "name" $host "namespace" (include "benchmark.namespace" .) -}}
{{- else if or (eq (len $labels) 2) (eq (index $labels 2) "svc") -}}
{{- $service = dict "name" (index $labels 0) "namespace" (index $labels 1) -}}
{{- end -}}
{{- end -}}
{{- toRawJson $service -}}
{{- end -}}

{{/* Affinity to the zone of the model's pods; empty if it is off, or preferred with nothing known about those pods. */}}
{{- define "benchmark.affinity" -}}
{{- $a := .Values.benchmark.affinity | default dict -}}
{{- $mode := include "benchmark.affinityMode" . -}}
{{- $service := include "benchmark.targetService" . | fromJson -}}
{{- $labels := include "benchmark.strings" (dict "key" "benchmark.affinity.targetLabels" "maps" (list $a.targetLabels)) | fromJson -}}
{{- if and (not $labels) $service -}}
{{- $labels = dict "app.kubernetes.io/component" $service.name -}}
{{- end -}}
{{- if and (eq $mode "required") (not $labels) -}}
{{- fail "benchmark.affinity.mode: required, but benchmark.target.baseUrl names no Service of the cluster; set benchmark.affinity.targetLabels to labels of the model's pods, or the mode to preferred" -}}
{{- end -}}
{{- $affinity := dict -}}
{{- if and (ne $mode "off") $labels -}}
{{- $namespaces := $a.namespaces -}}
{{- if not $namespaces -}}
{{- $namespaces = list ($service.namespace | default (include "benchmark.namespace" .)) -}}
{{- end -}}
{{- $term := dict "labelSelector" (dict "matchLabels" $labels) "namespaces" $namespaces "topologyKey" "topology.kubernetes.io/zone" -}}
{{- if eq $mode "required" -}}
{{- $affinity = dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) -}}
{{- else -}}
{{- $affinity = dict "podAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term))) -}}
{{- end -}}
{{- end -}}
{{- toRawJson $affinity -}}
{{- end -}}

{{/* preferred, required or off. An unquoted `off` is a boolean in YAML. */}}
{{- define "benchmark.affinityMode" -}}
{{- $a := .Values.benchmark.affinity | default dict -}}
{{- $mode := ternary "preferred" (include "benchmark.scalar" $a.mode) (kindIs "invalid" $a.mode) -}}
{{- if or (eq (toJson $a.enabled) "false") (has $mode (list "off" "false")) -}}
off
{{- else if has $mode (list "preferred" "required") -}}
{{- $mode -}}
{{- else -}}
{{- fail (printf "benchmark.affinity.mode: %s is none of: preferred, required, off" (toJson $mode)) -}}
{{- end -}}
{{- end -}}
