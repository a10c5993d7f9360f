{{/*
What a JSON Schema cannot say. Prints nothing; every message names the key and what to do.
*/}}

{{/*
Called first by every template. Puts an empty map where the values have null for a whole group (`--set
benchmark.hfToken=null`), so that the other helpers need not look twice; for affinity that null is `off`.
*/}}
{{- define "benchmark.validate" -}}
{{- include "benchmark.once" (dict "root" . "of" "benchmark.validate.values") -}}
{{- end -}}

{{- define "benchmark.validate.values" -}}
{{- $b := .Values.benchmark -}}
{{- if kindIs "invalid" $b.affinity -}}
{{- $_ := set $b "affinity" (dict "enabled" false) -}}
{{- end -}}
{{- range $key := list "image" "serviceAccount" "target" "preflight" "results" "customData" "metrics" "liveMetrics" "api" "hfToken" "storage" "dependencies" "config" "job" "resources" "affinity" "scenarios" -}}
{{- include "benchmark.group" (dict "in" $b "at" "benchmark" "key" $key) -}}
{{- end -}}
{{- range $key := list "s3" "gcs" -}}
{{- include "benchmark.group" (dict "in" $b.storage "at" "benchmark.storage" "key" $key) -}}
{{- end -}}
{{- include "benchmark.group" (dict "in" $b.results "at" "benchmark.results" "key" "claim") -}}
{{- range $key := list "podMonitor" "dashboard" -}}
{{- include "benchmark.group" (dict "in" $b.liveMetrics "at" "benchmark.liveMetrics" "key" $key) -}}
{{- end -}}
{{- range $key := list "apiKey" "headers" "ca" "clientCertificate" -}}
{{- include "benchmark.group" (dict "in" $b.target "at" "benchmark.target" "key" $key) -}}
{{- end -}}
{{- include "benchmark.secretless" . -}}
{{- include "benchmark.named" . -}}
{{- /* Texts that toYaml writes so that YAML 1.1 readers take them for something else, or cannot write at all: it then prints
nothing and fails no one. U+2028 and U+2029 are escapes in raw JSON. */ -}}
{{- if regexMatch `"(=|<<)"|[\x{7f}-\x{9f}\x{fffe}\x{ffff}]|[^\\](\\\\)*\\u202[89]` (toRawJson (list $b .Values.commonLabels .Values.commonAnnotations .Values.simulator)) -}}
{{- fail "values: a text is = or <<, or has a control character, which YAML readers do not agree on; change it" -}}
{{- end -}}
{{- $_ := include "benchmark.scenario" . -}}
{{- $url := include "benchmark.text" (dict "key" "benchmark.target.baseUrl" "value" $b.target.baseUrl) -}}
{{- if not (regexMatch "^https?://[^/?#]" $url) -}}
{{- fail (printf "benchmark.target.baseUrl: %s is not the URL of a model server; write one such as http://my-model.default:8000" (toJson $url)) -}}
{{- end -}}
{{- range $key, $given := dict "benchmark.target.baseUrl" $url "benchmark.config.server.base_url" (default dict $b.config.server).base_url -}}
{{- if regexMatch "/v1/*$" (toString $given) -}}
{{- fail (printf "%s: it ends in /v1, which every request adds by itself; write %s" $key (regexReplaceAll "/v1/*$" $given "")) -}}
{{- end -}}
{{- end -}}
{{- $upstream := eq (include "benchmark.upstream" .) "true" -}}
{{- if and $upstream (not $b.image.tag) (not $b.image.digest) -}}
{{- fail "benchmark.image.tag: it is empty, and upstream's image has no tag of this chart's appVersion; name one of its tags, such as v0.2.0" -}}
{{- end -}}
{{- if and $upstream (eq (include "benchmark.simulates" .) "true") -}}
{{- fail "simulator.enabled: upstream's image has no simulator; set it to false, or benchmark.image to one that has it" -}}
{{- end -}}
{{- include "benchmark.validate.pod" $b -}}
{{- end -}}

{{/* What the API server would refuse of the pod, or what would not run in it; takes the values under `benchmark`. */}}
{{- define "benchmark.validate.pod" -}}
{{- if and .target.ca.existingSecret .target.ca.existingConfigMap -}}
{{- fail "benchmark.target.ca.existingConfigMap: existingSecret is given too; name only one of them" -}}
{{- end -}}
{{- if and (eq (toJson .customData.enabled) "true") .customData.existingConfigMap .customData.existingClaim -}}
{{- fail "benchmark.customData.existingClaim: existingConfigMap is given too; name only one of them" -}}
{{- end -}}
{{- include "benchmark.unique" (dict "key" "extraEnv" "field" "name" "items" .extraEnv "taken" list) -}}
{{- include "benchmark.unique" (dict "key" "extraVolumes" "field" "name" "items" .extraVolumes "taken" (list "config" "results" "tmp" "headers" "ca" "client-certificate" "gcs-key" "custom-data")) -}}
{{- include "benchmark.unique" (dict "key" "extraVolumeMounts" "field" "mountPath" "items" .extraVolumeMounts "taken" (list "/workspace/config.yml" "/results" "/tmp" "/etc/inference-perf/headers" "/etc/inference-perf/ca" "/etc/inference-perf/client-certificate" "/etc/inference-perf/gcs-key" "/etc/inference-perf/custom-data")) -}}
{{- $containers := list "inference-perf" "tokenizer" -}}
{{- include "benchmark.unique" (dict "key" "initContainers" "field" "name" "items" .initContainers "taken" $containers) -}}
{{- range .initContainers -}}{{- $containers = append $containers .name -}}{{- end -}}
{{- include "benchmark.unique" (dict "key" "extraContainers" "field" "name" "items" .extraContainers "taken" $containers) -}}
{{- range $i, $object := .extraObjects -}}
{{- include "benchmark.head" (dict "key" (printf "benchmark.extraObjects[%d]" $i) "object" $object) -}}
{{- end -}}
{{- end -}}

{{/* What Helm itself reads of an object: kind, name and annotations. Prints nothing. */}}
{{- define "benchmark.head" -}}
{{- $texts := dict "apiVersion" .object.apiVersion "kind" .object.kind -}}
{{- if not (kindIs "invalid" .object.metadata) -}}
{{- include "benchmark.group" (dict "in" .object "at" .key "key" "metadata") -}}
{{- $_ := set $texts "metadata.name" .object.metadata.name -}}
{{- if not (kindIs "invalid" .object.metadata.annotations) -}}
{{- include "benchmark.group" (dict "in" .object.metadata "at" (printf "%s.metadata" .key) "key" "annotations") -}}
{{- range $name, $value := .object.metadata.annotations -}}
{{- $_ := set $texts (printf "metadata.annotations.%s" $name) $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := $texts -}}
{{- $_ := include "benchmark.text" (dict "key" (printf "%s.%s" $.key $name) "value" $value) -}}
{{- end -}}
{{- end -}}

{{/*
Every one of the `items` of the list `key` needs a `field` of its own, which is none of those `taken`: Helm applies on the
server's side, where an entry that is there twice is an error. Prints nothing.
*/}}
{{- define "benchmark.unique" -}}
{{- $taken := .taken -}}
{{- range $i, $item := .items -}}
{{- $key := printf "benchmark.%s[%d].%s" $.key $i $.field -}}
{{- $name := index $item $.field -}}
{{- if or (not (kindIs "string" $name)) (not $name) -}}
{{- fail (printf "%s: it is missing, or is no text; write a %s" $key $.field) -}}
{{- end -}}
{{- if has $name $taken -}}
{{- fail (printf "%s: %s is there already; give each item its own %s" $key (toJson $name) $.field) -}}
{{- end -}}
{{- $taken = append $taken $name -}}
{{- end -}}
{{- end -}}

{{/* Names and labels that the API server takes; longer or stranger ones are refused, not cut. Prints nothing. */}}
{{- define "benchmark.named" -}}
{{- $b := .Values.benchmark -}}
{{- range $key, $labels := dict
  "commonLabels" .Values.commonLabels
  "benchmark.podLabels" $b.podLabels
  "benchmark.job.labels" $b.job.labels
  "benchmark.serviceAccount.labels" $b.serviceAccount.labels
  "benchmark.liveMetrics.dashboard.labels" $b.liveMetrics.dashboard.labels
  "benchmark.liveMetrics.podMonitor.labels" $b.liveMetrics.podMonitor.labels
  "benchmark.nodeSelector" $b.nodeSelector
  "benchmark.affinity.targetLabels" $b.affinity.targetLabels
  "simulator.nodeSelector" (default dict .Values.simulator).nodeSelector -}}
{{- range $name, $value := include "benchmark.strings" (dict "key" $key "maps" (list $labels)) | fromJson -}}
{{- include "benchmark.qualified" (dict "key" $key "name" $name) -}}
{{- if not (regexMatch "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$" $value) -}}
{{- fail (printf "%s.%s: %s cannot be the value of a label; write at most 63 letters, digits, hyphens, dots and underscores, a letter or digit first and last" $key $name (toJson $value)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key, $annotations := dict
  "commonAnnotations" .Values.commonAnnotations
  "benchmark.podAnnotations" $b.podAnnotations
  "benchmark.job.annotations" $b.job.annotations
  "benchmark.serviceAccount.annotations" $b.serviceAccount.annotations -}}
{{- range $name, $value := include "benchmark.strings" (dict "key" $key "maps" (list $annotations)) | fromJson -}}
{{- include "benchmark.qualified" (dict "key" $key "name" $name) -}}
{{- end -}}
{{- end -}}
{{- range $key, $name := dict
  "namespaceOverride" .Values.namespaceOverride
  "benchmark.namespace" $b.namespace -}}
{{- if and $name (not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" (toString $name))) -}}
{{- fail (printf "%s: %s cannot name a namespace; write at most 63 lower case letters, digits and inner hyphens" $key (toJson $name)) -}}
{{- end -}}
{{- end -}}
{{- range $key, $name := dict
  "benchmark.serviceAccount.name" $b.serviceAccount.name
  "benchmark.hfToken.existingSecret" $b.hfToken.existingSecret
  "benchmark.results.claim.existingClaim" $b.results.claim.existingClaim
  "benchmark.results.claim.storageClassName" $b.results.claim.storageClassName
  "benchmark.storage.gcs.existingSecret" $b.storage.gcs.existingSecret
  "benchmark.storage.s3.existingSecret" $b.storage.s3.existingSecret
  "benchmark.target.apiKey.existingSecret" $b.target.apiKey.existingSecret
  "benchmark.target.headers.existingSecret" $b.target.headers.existingSecret
  "benchmark.target.ca.existingSecret" $b.target.ca.existingSecret
  "benchmark.target.ca.existingConfigMap" $b.target.ca.existingConfigMap
  "benchmark.target.clientCertificate.existingSecret" $b.target.clientCertificate.existingSecret
  "benchmark.customData.existingConfigMap" $b.customData.existingConfigMap
  "benchmark.customData.existingClaim" $b.customData.existingClaim
  "benchmark.priorityClassName" $b.priorityClassName
  "benchmark.runtimeClassName" $b.runtimeClassName -}}
{{- if and $name (or (gt (len (toString $name)) 253) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" (toString $name)))) -}}
{{- fail (printf "%s: %s cannot name an object; write at most 253 lower case letters, digits, inner hyphens and dots" $key (toJson $name)) -}}
{{- end -}}
{{- end -}}
{{- range $key, $name := dict
  "benchmark.hfToken.key" $b.hfToken.key
  "benchmark.storage.gcs.key" $b.storage.gcs.key
  "benchmark.target.apiKey.key" $b.target.apiKey.key
  "benchmark.target.headers.key" $b.target.headers.key
  "benchmark.target.ca.key" $b.target.ca.key -}}
{{- if and $name (not (regexMatch "^[-._a-zA-Z0-9]{1,253}$" (toString $name))) -}}
{{- fail (printf "%s: %s cannot be a key of a Secret; write letters, digits, hyphens, dots and underscores" $key (toJson $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The name of a label or annotation: `name` or `prefix/name`. */}}
{{- define "benchmark.qualified" -}}
{{- if not (regexMatch "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$" .name) -}}
{{- fail (printf "%s: %s cannot name a label or annotation; write at most 63 letters, digits, hyphens, dots and underscores, behind a domain and / if need be" .key (toJson .name)) -}}
{{- end -}}
{{- end -}}

{{/* Makes the entry `key` of the map `in`, which stands at `at`, a map if it is null. Prints nothing. */}}
{{- define "benchmark.group" -}}
{{- $value := index .in .key -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := set .in .key dict -}}
{{- else if not (kindIs "map" $value) -}}
{{- fail (printf "%s.%s: %s is not a map; write its keys below it, or null for none" .at .key (toJson $value)) -}}
{{- end -}}
{{- end -}}

{{/* Values end up in a ConfigMap, so a credential among them is refused. */}}
{{- define "benchmark.secretless" -}}
{{- $config := .Values.benchmark.config -}}
{{- $visible := "a credential among the values would stand in a ConfigMap for all to read; keep it in a Secret and name that in" -}}
{{- if (default dict $config.server).api_key -}}
{{- fail (printf "benchmark.config.server.api_key: %s benchmark.target.apiKey.existingSecret" $visible) -}}
{{- end -}}
{{- if (default dict $config.tokenizer).token -}}
{{- fail (printf "benchmark.config.tokenizer.token: %s benchmark.hfToken.existingSecret" $visible) -}}
{{- end -}}
{{- range $name, $value := (default dict (default dict $config.api).headers) -}}
{{- if or (regexMatch (include "benchmark.credential.name" $) (lower $name)) (regexMatch (include "benchmark.credential.value" $) (toString $value)) -}}
{{- fail (printf "benchmark.config.api.headers.%s: %s benchmark.target.headers.existingSecret" $name $visible) -}}
{{- end -}}
{{- end -}}
{{- range $i, $entry := .Values.benchmark.extraEnv -}}
{{- if and (kindIs "string" $entry.value) $entry.value -}}
{{- if or (regexMatch (include "benchmark.credential.name" $) (lower (toString $entry.name))) (regexMatch (include "benchmark.credential.value" $) $entry.value) -}}
{{- fail (printf "benchmark.extraEnv[%d].value: a credential among the values would stand in the Job for all to read; keep it in a Secret and write valueFrom.secretKeyRef instead of value" $i) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $s3 := default dict (default dict $config.storage).simple_storage_service -}}
{{- $prometheus := default dict (default dict $config.metrics).prometheus -}}
{{- range $key, $url := dict
  "benchmark.target.baseUrl" .Values.benchmark.target.baseUrl
  "benchmark.storage.s3.endpointUrl" .Values.benchmark.storage.s3.endpointUrl
  "benchmark.config.server.base_url" (default dict $config.server).base_url
  "benchmark.config.storage.simple_storage_service.endpoint_url" $s3.endpoint_url
  "benchmark.config.metrics.prometheus.url" $prometheus.url -}}
{{- if regexMatch "^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@" (toString $url) -}}
{{- fail (printf "%s: a user or password in a URL would stand in a ConfigMap for all to read; take it out of the URL" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Names, in lower case, that stand for credentials. */}}
{{- define "benchmark.credential.name" -}}
^(proxy-)?authorization$|^cookie$|(^|[-_])((api|access|subscription)[-_]?key|token|secret|password)$
{{- end -}}

{{/* What looks like a credential whatever it is called: a scheme with its proof, a key of a known kind, a user in a URL. */}}
{{- define "benchmark.credential.value" -}}
^(?i:bearer|basic|token) +[^ ]+$|^(hf_|sk-|AKIA|ASIA|ghp_|github_pat_)[A-Za-z0-9_-]{12,}$|^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@
{{- end -}}
