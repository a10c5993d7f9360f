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
  automountServiceAccountToken: {{ eq (toJson $b.serviceAccount.automount) "true" }}
  # A Service named inference-perf would otherwise put INFERENCE_PERF_* variables into the container.
  enableServiceLinks: false
  {{- with include "benchmark.list" $b.imagePullSecrets | fromJsonArray }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "benchmark.podSecurity" $b | fromJson }}
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
  {{- with include "benchmark.podOptions" $b | fromJson }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with include "benchmark.initContainers" .root | fromJsonArray }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: inference-perf
      image: {{ include "benchmark.image" .root | quote }}
      imagePullPolicy: {{ $b.image.pullPolicy | default "IfNotPresent" | quote }}
      command: ["inference-perf"]
      args:
        {{- concat (list "--config_file" "/workspace/config.yml") (include "benchmark.list" $b.extraArgs | fromJsonArray) | toYaml | nindent 8 }}
      workingDir: /results
      {{- with include "benchmark.live.port" .root }}
      ports:
        - name: metrics
          containerPort: {{ . }}
      {{- end }}
      # The end of the log says why a run failed; where the program writes a summary itself, that one counts.
      terminationMessagePolicy: FallbackToLogsOnError
      env:
        {{- include "benchmark.env" .root | fromJsonArray | toYaml | nindent 8 }}
      {{- with include "benchmark.list" $b.extraEnvFrom | fromJsonArray }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "benchmark.resources" .root | fromJson }}
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
        {{- with include "benchmark.moreMounts" $b | fromJsonArray }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with include "benchmark.list" $b.extraContainers | fromJsonArray }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ .configMap | quote }}
    - name: results
      {{- include "benchmark.resultsVolume" .root | fromJson | toYaml | nindent 6 }}
    - name: tmp
      emptyDir: {}
    {{- with include "benchmark.moreVolumes" $b | fromJsonArray }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Fields of the pod that are there only if given. */}}
{{- define "benchmark.podOptions" -}}
{{- $options := dict -}}
{{- range $key := list "priorityClassName" "runtimeClassName" "schedulerName" "dnsPolicy" -}}
{{- with include "benchmark.text" (dict "key" (printf "benchmark.%s" $key) "value" (index $ $key)) -}}
{{- $_ := set $options $key . -}}
{{- end -}}
{{- end -}}
{{- range $key := list "topologySpreadConstraints" "hostAliases" -}}
{{- with include "benchmark.list" (index $ $key) | fromJsonArray -}}
{{- $_ := set $options $key . -}}
{{- end -}}
{{- end -}}
{{- with include "benchmark.map" .dnsConfig | fromJson -}}
{{- $_ := set $options "dnsConfig" . -}}
{{- end -}}
{{- toRawJson $options -}}
{{- end -}}

{{/* The container that writes the simulated server's tokenizer, then the user's. */}}
{{- define "benchmark.initContainers" -}}
{{- $containers := include "benchmark.list" .Values.benchmark.initContainers | fromJsonArray -}}
{{- if eq (include "benchmark.simulates" .) "true" -}}
{{- $containers = prepend $containers (include "benchmark.tokenizerContainer" . | fromJson) -}}
{{- end -}}
{{- toRawJson $containers -}}
{{- end -}}

{{/* Writes the simulated server's tokenizer to /tmp. Its resources are those of the container after it, so they cost nothing. */}}
{{- define "benchmark.tokenizerContainer" -}}
{{- $b := .Values.benchmark -}}
{{- $container := dict
  "name" "tokenizer"
  "image" (include "benchmark.image" .)
  "imagePullPolicy" ($b.image.pullPolicy | default "IfNotPresent")
  "command" (list "inference-perf")
  "args" (list "simulate" "--write-tokenizer" (include "benchmark.simulator.tokenizer" .))
  "volumeMounts" (list (dict "name" "tmp" "mountPath" "/tmp"))
-}}
{{- with include "benchmark.map" $b.securityContext | fromJson -}}
{{- $_ := set $container "securityContext" . -}}
{{- end -}}
{{- toRawJson $container -}}
{{- end -}}

{{/* The pod's security context, with the group that makes a claim's volume writable, unless it has one. */}}
{{- define "benchmark.podSecurity" -}}
{{- $context := include "benchmark.map" .podSecurityContext | fromJson -}}
{{- if and (eq (toJson .results.claim.enabled) "true") (not (hasKey $context "fsGroup")) (not (kindIs "invalid" .results.claim.fsGroup)) -}}
{{- $_ := set $context "fsGroup" (include "benchmark.number" (dict "key" "benchmark.results.claim.fsGroup" "value" .results.claim.fsGroup "integer" true) | float64) -}}
{{- end -}}
{{- toRawJson $context -}}
{{- end -}}

{{/* Name of the claim that results are kept on: an existing one's, or the chart's own. */}}
{{- define "benchmark.claim.name" -}}
{{- $existing := include "benchmark.text" (dict "key" "benchmark.results.claim.existingClaim" "value" .Values.benchmark.results.claim.existingClaim) -}}
{{- $existing | default (include "benchmark.prefixed" (dict "root" . "prefix" "results")) -}}
{{- end -}}

{{/* Port of the run's own metrics; nothing if they are not served. */}}
{{- define "benchmark.live.port" -}}
{{- $live := .Values.benchmark.liveMetrics -}}
{{- if eq (toJson $live.enabled) "true" -}}
{{- $port := include "benchmark.number" (dict "key" "benchmark.liveMetrics.port" "value" (ternary 9464 $live.port (kindIs "invalid" $live.port)) "integer" true) -}}
{{- if or (lt (float64 $port) 1.0) (gt (float64 $port) 65535.0) -}}
{{- fail (printf "benchmark.liveMetrics.port: %s is no port; write a number from 1 to 65535" $port) -}}
{{- end -}}
{{- $port -}}
{{- end -}}
{{- end -}}

{{/* The volume for results: a claim's; else as large as given, or four times what the plan writes. */}}
{{- define "benchmark.resultsVolume" -}}
{{- if eq (toJson .Values.benchmark.results.claim.enabled) "true" -}}
{{- toRawJson (dict "persistentVolumeClaim" (dict "claimName" (include "benchmark.claim.name" .))) -}}
{{- else -}}
{{- $volume := dict -}}
{{- $given := include "benchmark.text" (dict "key" "benchmark.results.sizeLimit" "value" .Values.benchmark.results.sizeLimit) -}}
{{- if $given -}}
{{- $_ := set $volume "sizeLimit" $given -}}
{{- else -}}
{{- with (include "benchmark.disk" . | fromJson).limit -}}
{{- $_ := set $volume "sizeLimit" (printf "%dMi" (int64 .)) -}}
{{- end -}}
{{- end -}}
{{- toRawJson (dict "emptyDir" $volume) -}}
{{- end -}}
{{- end -}}

{{/* Volumes of Secrets, certificates and the data set, then the user's. */}}
{{- define "benchmark.moreVolumes" -}}
{{- $volumes := list -}}
{{- with include "benchmark.secretName" (dict "of" .target "at" "benchmark.target" "key" "headers") -}}
{{- $items := list (dict "key" ($.target.headers.key | default "headers") "path" "headers") -}}
{{- $volumes = append $volumes (dict "name" "headers" "secret" (dict "secretName" . "items" $items)) -}}
{{- end -}}
{{- $items := list (dict "key" (.target.ca.key | default "ca.crt") "path" "ca.crt") -}}
{{- with include "benchmark.secretName" (dict "of" .target "at" "benchmark.target" "key" "ca") -}}
{{- $volumes = append $volumes (dict "name" "ca" "secret" (dict "secretName" . "items" $items)) -}}
{{- end -}}
{{- with include "benchmark.text" (dict "key" "benchmark.target.ca.existingConfigMap" "value" .target.ca.existingConfigMap) -}}
{{- $volumes = append $volumes (dict "name" "ca" "configMap" (dict "name" . "items" $items)) -}}
{{- end -}}
{{- with include "benchmark.secretName" (dict "of" .target "at" "benchmark.target" "key" "clientCertificate") -}}
{{- $volumes = append $volumes (dict "name" "client-certificate" "secret" (dict "secretName" .)) -}}
{{- end -}}
{{- if eq (toJson .customData.enabled) "true" -}}
{{- with include "benchmark.text" (dict "key" "benchmark.customData.existingConfigMap" "value" .customData.existingConfigMap) -}}
{{- $volumes = append $volumes (dict "name" "custom-data" "configMap" (dict "name" .)) -}}
{{- end -}}
{{- with include "benchmark.text" (dict "key" "benchmark.customData.existingClaim" "value" .customData.existingClaim) -}}
{{- $volumes = append $volumes (dict "name" "custom-data" "persistentVolumeClaim" (dict "claimName" . "readOnly" true)) -}}
{{- end -}}
{{- end -}}
{{- $key := include "benchmark.secretName" (dict "of" .storage "at" "benchmark.storage" "key" "gcs") -}}
{{- if and $key (ne (toJson .storage.gcs.enabled) "false") -}}
{{- $items := list (dict "key" (.storage.gcs.key | default "key.json") "path" "key.json") -}}
{{- $volumes = append $volumes (dict "name" "gcs-key" "secret" (dict "secretName" $key "items" $items)) -}}
{{- end -}}
{{- toRawJson (concat $volumes (include "benchmark.list" .extraVolumes | fromJsonArray)) -}}
{{- end -}}

{{/* Where they are mounted, then the user's. */}}
{{- define "benchmark.moreMounts" -}}
{{- $mounts := list -}}
{{- range include "benchmark.moreVolumes" . | fromJsonArray -}}
{{- if has .name (list "headers" "ca" "client-certificate" "gcs-key" "custom-data") -}}
{{- $mounts = append $mounts (dict "name" .name "mountPath" (printf "/etc/inference-perf/%s" .name) "readOnly" true) -}}
{{- end -}}
{{- end -}}
{{- toRawJson (concat $mounts (include "benchmark.list" .extraVolumeMounts | fromJsonArray)) -}}
{{- end -}}

{{/* `existingSecret` of the group `key` of the map `of`, which stands at `at`. */}}
{{- define "benchmark.secretName" -}}
{{- include "benchmark.text" (dict "key" (printf "%s.%s.existingSecret" .at .key) "value" (index .of .key).existingSecret) -}}
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
{{- $own := concat (list (dict "name" "HOME" "value" "/results") (dict "name" "HF_HOME" "value" "/tmp/hf")) (include "benchmark.ownEnv" . | fromJsonArray) -}}
{{- with include "benchmark.text" (dict "key" "benchmark.hfToken.existingSecret" "value" $b.hfToken.existingSecret) -}}
{{- $ref := dict "name" . "key" ($b.hfToken.key | default "token") "optional" (ne (toJson $b.hfToken.optional) "false") -}}
{{- $own = append $own (dict "name" "HF_TOKEN" "valueFrom" (dict "secretKeyRef" $ref)) -}}
{{- end -}}
{{- $secret := include "benchmark.secretName" (dict "of" $b.storage "at" "benchmark.storage" "key" "s3") -}}
{{- if and $secret (ne (toJson $b.storage.s3.enabled) "false") -}}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" -}}
{{- $own = append $own (dict "name" . "valueFrom" (dict "secretKeyRef" (dict "name" $secret "key" .))) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- $given := list -}}
{{- range $i, $entry := $b.extraEnv -}}
{{- $names = append $names $entry.name -}}
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
What the program is told beyond config.yml. Upstream's ignores it.
*/}}
{{- define "benchmark.ownEnv" -}}
{{- $b := .Values.benchmark -}}
{{- $own := list -}}
{{- with include "benchmark.preflightSeconds" . -}}
{{- $own = append $own (dict "name" "INFERENCE_PERF_PREFLIGHT" "value" .) -}}
{{- end -}}
{{- if kindIs "invalid" $b.job.deadlineSeconds -}}
{{- with (include "benchmark.times" . | fromJson).limit -}}
{{- $own = append $own (dict "name" "INFERENCE_PERF_DEADLINE_SECONDS" "value" (int64 . | toString)) -}}
{{- end -}}
{{- end -}}
{{- $own = append $own (dict "name" "INFERENCE_PERF_GRACE_SECONDS" "value" (include "benchmark.grace" .)) -}}
{{- $own = append $own (dict "name" "INFERENCE_PERF_TERMINATION_LOG" "value" "/dev/termination-log") -}}
{{- $hold := include "benchmark.holdSeconds" . -}}
{{- if ne $hold "0" -}}
{{- $own = append $own (dict "name" "INFERENCE_PERF_HOLD_SECONDS" "value" $hold) -}}
{{- end -}}
{{- with include "benchmark.live.port" . -}}
{{- $own = append $own (dict "name" "INFERENCE_PERF_METRICS_PORT" "value" .) -}}
{{- end -}}
{{- with include "benchmark.secretName" (dict "of" $b.target "at" "benchmark.target" "key" "apiKey") -}}
{{- $own = append $own (dict "name" "INFERENCE_PERF_API_KEY" "valueFrom" (dict "secretKeyRef" (dict "name" . "key" ($b.target.apiKey.key | default "api-key")))) -}}
{{- end -}}
{{- $files := dict
  "headers" (list (list "INFERENCE_PERF_HEADERS_FILE" "headers"))
  "ca" (list (list "INFERENCE_PERF_CA_FILE" "ca.crt"))
  "client-certificate" (list (list "INFERENCE_PERF_CERT_FILE" "tls.crt") (list "INFERENCE_PERF_KEY_FILE" "tls.key"))
  "gcs-key" (list (list "GOOGLE_APPLICATION_CREDENTIALS" "key.json"))
-}}
{{- range $volume := include "benchmark.moreVolumes" $b | fromJsonArray -}}
{{- range index $files $volume.name -}}
{{- $own = append $own (dict "name" (index . 0) "value" (printf "/etc/inference-perf/%s/%s" $volume.name (index . 1))) -}}
{{- end -}}
{{- end -}}
{{- toRawJson $own -}}
{{- end -}}

{{/*
The container's resources: `main`, which older guides write to, is merged over the rest. Quantities are strings, whatever
`--set …cpu=4` makes of them. What the plan writes is requested of the disk, unless they say otherwise or a claim takes it.
*/}}
{{- define "benchmark.resources" -}}
{{- $resources := deepCopy (.Values.benchmark.resources | default dict) -}}
{{- $main := $resources.main | default dict -}}
{{- $_ := unset $resources "main" -}}
{{- include "benchmark.merge" (dict "into" $resources "from" $main) -}}
{{- range $part := list "requests" "limits" -}}
{{- with index $resources $part -}}
{{- $_ := set $resources $part (include "benchmark.strings" (dict "key" (printf "benchmark.resources.%s" $part) "maps" (list .)) | fromJson) -}}
{{- end -}}
{{- end -}}
{{- $disk := (include "benchmark.disk" . | fromJson).request -}}
{{- $claimed := eq (toJson .Values.benchmark.results.claim.enabled) "true" -}}
{{- if and $disk (not $claimed) (not (hasKey (default dict $resources.requests) "ephemeral-storage")) (not (hasKey (default dict $resources.limits) "ephemeral-storage")) -}}
{{- $_ := set $resources "requests" (set (default dict $resources.requests) "ephemeral-storage" (printf "%dMi" (int64 $disk))) -}}
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
{{- if and (ne $mode "off") $labels (ne (include "benchmark.simulates" .) "true") -}}
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
