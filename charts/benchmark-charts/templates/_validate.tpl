{{/*
What a JSON Schema cannot say. Prints nothing; every message names the key and what to do.
*/}}

{{/*
Called first by every template. Puts an empty map where the values have null for a whole group (`--set
benchmark.hfToken=null`), so that the other helpers need not look twice; for affinity that null is `off`.
*/}}
{{- define "benchmark.validate" -}}
{{- $b := .Values.benchmark -}}
{{- if kindIs "invalid" $b.affinity -}}
{{- $_ := set $b "affinity" (dict "enabled" false) -}}
{{- end -}}
{{- range $key := list "image" "serviceAccount" "target" "api" "hfToken" "storage" "dependencies" "config" "job" "resources" "affinity" "scenarios" -}}
{{- include "benchmark.group" (dict "in" $b "at" "benchmark" "key" $key) -}}
{{- end -}}
{{- include "benchmark.group" (dict "in" $b.storage "at" "benchmark.storage" "key" "s3") -}}
{{- include "benchmark.secretless" . -}}
{{- /* Texts that toYaml writes so that YAML 1.1 readers take them for something else, or cannot write at all: it then prints
nothing and fails no one. U+2028 and U+2029 are escapes in raw JSON. */ -}}
{{- if regexMatch `"(=|<<)"|[\x{7f}-\x{9f}\x{fffe}\x{ffff}]|[^\\](\\\\)*\\u202[89]` (toRawJson (list $b .Values.commonLabels .Values.commonAnnotations)) -}}
{{- fail "values: a text is = or <<, or has a control character, which YAML readers do not agree on; change it" -}}
{{- end -}}
{{- $_ := include "benchmark.scenario" . -}}
{{- $url := include "benchmark.text" (dict "key" "benchmark.target.baseUrl" "value" $b.target.baseUrl) -}}
{{- if not (regexMatch "^https?://[^/?#]" $url) -}}
{{- fail (printf "benchmark.target.baseUrl: %s is not the URL of a model server; write one such as http://my-model.default:8000" (toJson $url)) -}}
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
{{- $remedy := "would stand in a ConfigMap for all to read; keep it in a Secret and give it to the pod as INFERENCE_PERF_API_KEY by benchmark.extraEnv with valueFrom.secretKeyRef" -}}
{{- if (default dict $config.server).api_key -}}
{{- fail (printf "benchmark.config.server.api_key: a key among the values %s" $remedy) -}}
{{- end -}}
{{- if (default dict $config.tokenizer).token -}}
{{- fail "benchmark.config.tokenizer.token: a token among the values would stand in a ConfigMap for all to read; keep it in a Secret and name that in benchmark.hfToken.existingSecret" -}}
{{- end -}}
{{- range $name, $value := (default dict (default dict $config.api).headers) -}}
{{- if regexMatch "^(proxy-)?authorization$|^cookie$|(^|[-_])(api[-_]?key|subscription[-_]?key|token|secret|password)$" (lower $name) -}}
{{- fail (printf "benchmark.config.api.headers.%s: a credential among the values %s" $name $remedy) -}}
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
