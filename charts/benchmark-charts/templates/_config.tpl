{{/*
config.yml, built as one map from the values, so that no value can change its structure. benchmark-render builds the same
tree (schemas/src/translate.rs). Which key stands in it when:

  api.type, api.streaming                  if the value is not null (`""` counts as null for strings, here and below)
  data.type                                always; `synthetic` unless the scenario names another, `shareGPT` with customData
  data.path, extensions.data_format        only with customData: where it is, and `own` for rows that are none of ShareGPT's
  data.input_distribution,                 only for data.type synthetic and random, which need both; in it min, max, mean,
  data.output_distribution                 std_dev as far as given, and total_count if the scenario has a sweep
  load.type                                always; a scenario without it is refused
  load.num_workers                         if given
  load.stages                              if the list is not empty: rate and duration, for concurrent load num_requests and
                                           concurrency_level; a sweep without stages gets one to start from,
                                           {rate: 1, duration: 1}, which the sweep replaces
  extensions.capacity, extensions.slo      if the scenario's load has `capacity`; in the first profile, budget_minutes and
                                           max_concurrency as far as given, the second if the list is not empty
  load.sweep                               if given; in it type, num_requests, timeout, num_stages, stage_duration,
                                           saturation_percentile as far as given
  server.type, server.base_url             always; serverType `openai` becomes `vllm`, the plain client of every version
  server.model_name, server.ignore_eos     if given
  tokenizer.pretrained_model_name_or_path  if given; without it there is no `tokenizer`
  server.base_url, server.model_name,      the simulated server's, if there is one
  tokenizer.pretrained_model_name_or_path
  storage.simple_storage_service           if S3 is on: bucket_name and path always, endpoint_url, region_name,
                                           addressing_style if given
  storage.google_cloud_storage             if GCS is on: bucket_name and path
  anything under benchmark.config          merged last: maps merge, anything else replaces, null removes what the chart wrote
                                           and stands as null where the chart wrote nothing

Numbers that values give as strings are numbers, except under benchmark.config, which is taken as it is.
*/}}
{{- define "benchmark.config" -}}
{{- include "benchmark.once" (dict "root" . "of" "benchmark.config.tree") -}}
{{- end -}}

{{- define "benchmark.config.tree" -}}
{{- $b := .Values.benchmark -}}
{{- $name := include "benchmark.scenario" . -}}
{{- $scenario := index $b.scenarios $name -}}
{{- $config := dict
  "api" (include "benchmark.config.api" $b | fromJson)
  "data" (include "benchmark.config.data" (dict "name" $name "scenario" $scenario "custom" $b.customData) | fromJson)
  "load" (include "benchmark.config.load" (dict "name" $name "scenario" $scenario "builtin" $b.builtinScenarios) | fromJson)
  "server" (include "benchmark.config.server" . | fromJson)
-}}
{{- if not $config.api -}}
{{- $_ := unset $config "api" -}}
{{- end -}}
{{- with include "benchmark.config.extensions" (dict "name" $name "scenario" $scenario) | fromJson -}}
{{- $_ := set $config "extensions" . -}}
{{- end -}}
{{- $tokenizer := include "benchmark.text" (dict "key" "benchmark.target.tokenizerPath" "value" $b.target.tokenizerPath) -}}
{{- if eq (include "benchmark.simulates" .) "true" -}}
{{- $tokenizer = include "benchmark.simulator.tokenizer" . -}}
{{- end -}}
{{- with $tokenizer -}}
{{- $_ := set $config "tokenizer" (dict "pretrained_model_name_or_path" .) -}}
{{- end -}}
{{- $storage := dict -}}
{{- with include "benchmark.config.s3" . | fromJson -}}
{{- $_ := set $storage "simple_storage_service" . -}}
{{- end -}}
{{- with include "benchmark.config.gcs" . | fromJson -}}
{{- $_ := set $storage "google_cloud_storage" . -}}
{{- end -}}
{{- with $storage -}}
{{- $_ := set $config "storage" . -}}
{{- end -}}
{{- if and (include "benchmark.customData" $b.customData) (has $b.customData.format (list "openai" "alpaca" "prompt")) -}}
{{- $_ := set $config "extensions" (merge (dict "data_format" "own") (default dict $config.extensions)) -}}
{{- end -}}
{{- include "benchmark.merge" (dict "into" $config "from" ($b.config | default dict)) -}}
{{- $load := $config.load | default dict -}}
{{- if not (or $load.stages $load.sweep (kindIs "map" (default dict $config.extensions).capacity)) -}}
{{- fail (printf "benchmark.scenarios.%s.load.stages: it has no stage and no sweep; add one, for example stages: [{rate: 5, duration: 180}]" $name) -}}
{{- end -}}
{{- toRawJson $config -}}
{{- end -}}

{{/* The scenario's name, after checking that there is such a scenario. */}}
{{- define "benchmark.scenario" -}}
{{- $scenarios := .Values.benchmark.scenarios | default dict -}}
{{- $known := list -}}
{{- range $name, $scenario := $scenarios -}}
{{- if kindIs "map" $scenario -}}{{- $known = append $known $name -}}{{- end -}}
{{- end -}}
{{- $name := include "benchmark.text" (dict "key" "benchmark.scenario" "value" .Values.benchmark.scenario) -}}
{{- if not $name -}}
{{- fail (printf "benchmark.scenario: no scenario is named; set it to one of: %s" (join ", " $known)) -}}
{{- end -}}
{{- if not (has $name $known) -}}
{{- fail (printf "benchmark.scenario: there is no scenario %s; set it to one of: %s, or define benchmark.scenarios.%s" (toJson $name) (join ", " $known | default "(none is defined)") $name) -}}
{{- end -}}
{{- if not (regexMatch "^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$" $name) -}}
{{- fail (printf "benchmark.scenario: %s cannot be the value of a label; name the scenario with at most 63 letters, digits, hyphens, dots and underscores, a letter or digit first and last" (toJson $name)) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "benchmark.config.api" -}}
{{- $api := dict -}}
{{- with include "benchmark.text" (dict "key" "benchmark.api.type" "value" .api.type) -}}
{{- $_ := set $api "type" . -}}
{{- end -}}
{{- if not (kindIs "invalid" .api.streaming) -}}
{{- $_ := set $api "streaming" .api.streaming -}}
{{- end -}}
{{- toRawJson $api -}}
{{- end -}}

{{/*
Where the data set of one's own is: a path in its volume, anywhere in the pod, or in a bucket; nothing if it is not enabled.
*/}}
{{- define "benchmark.customData" -}}
{{- if eq (toJson .enabled) "true" -}}
{{- $path := include "benchmark.text" (dict "key" "benchmark.customData.path" "value" .path) -}}
{{- $folder := "/etc/inference-perf/custom-data" -}}
{{- if or (hasPrefix "/" $path) (hasPrefix "s3://" $path) -}}
{{- $path -}}
{{- else if $path -}}
{{- printf "%s/%s" $folder $path -}}
{{- else if or .existingConfigMap .existingClaim -}}
{{- $folder -}}
{{- else -}}
{{- fail "benchmark.customData.path: no data set is named; name its file or folder, or a ConfigMap or claim that holds it" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "benchmark.config.data" -}}
{{- $custom := include "benchmark.customData" .custom -}}
{{- if $custom -}}
{{- toRawJson (dict "type" "shareGPT" "path" $custom) -}}
{{- else -}}
{{- include "benchmark.config.scenarioData" . -}}
{{- end -}}
{{- end -}}

{{- define "benchmark.config.scenarioData" -}}
{{- $key := printf "benchmark.scenarios.%s" .name -}}
{{- $given := .scenario.data | default dict -}}
{{- $type := include "benchmark.text" (dict "key" (printf "%s.data.type" $key) "value" $given.type) | default "synthetic" -}}
{{- $data := dict "type" $type -}}
{{- if has $type (list "synthetic" "random") -}}
{{- range $part := list "input" "output" -}}
{{- $lengths := index $given $part -}}
{{- if not (kindIs "map" $lengths) -}}
{{- fail (printf "%s.data.%s: the scenario lacks it, and data of type %s needs it; write mean, stdDev, min and max in tokens" $key $part $type) -}}
{{- end -}}
{{- $distribution := dict -}}
{{- range $from, $to := dict "min" "min" "max" "max" "mean" "mean" "stdDev" "std_dev" -}}
{{- $value := index $lengths $from -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $number := include "benchmark.number" (dict "key" (printf "%s.data.%s.%s" $key $part $from) "value" $value "integer" (has $from (list "min" "max"))) -}}
{{- $_ := set $distribution $to (float64 $number) -}}
{{- end -}}
{{- end -}}
{{- if and (not (kindIs "invalid" $distribution.min)) (not (kindIs "invalid" $distribution.max)) -}}
{{- if gt $distribution.min $distribution.max -}}
{{- fail (printf "%s.data.%s: min %s is above max %s; swap them" $key $part (toJson $distribution.min) (toJson $distribution.max)) -}}
{{- end -}}
{{- end -}}
{{- /* Upstream draws the lengths before it knows the sweep's stages, and loses every request beyond that number. */ -}}
{{- if include "benchmark.config.sweep" $.scenario | fromJson -}}
{{- $_ := set $distribution "total_count" 1000000 -}}
{{- end -}}
{{- $_ := set $data (printf "%s_distribution" $part) $distribution -}}
{{- end -}}
{{- end -}}
{{- toRawJson $data -}}
{{- end -}}

{{- define "benchmark.config.load" -}}
{{- $key := printf "benchmark.scenarios.%s.load" .name -}}
{{- $given := .scenario.load -}}
{{- if not (kindIs "map" $given) -}}
{{- fail (printf "%s: the scenario lacks it; write type, and stages or sweep" $key) -}}
{{- end -}}
{{- $type := include "benchmark.text" (dict "key" (printf "%s.type" $key) "value" $given.type) -}}
{{- if not $type -}}
{{- fail (printf "%s.type: the scenario lacks it; write constant, poisson or concurrent" $key) -}}
{{- end -}}
{{- $load := dict "type" $type -}}
{{- if not (kindIs "invalid" $given.numWorkers) -}}
{{- $_ := set $load "num_workers" (include "benchmark.number" (dict "key" (printf "%s.numWorkers" $key) "value" $given.numWorkers "integer" true) | float64) -}}
{{- end -}}
{{- $stages := (include (ternary "benchmark.config.rounds" "benchmark.config.stages" (eq $type "concurrent")) . | fromJson).stages -}}
{{- with include "benchmark.config.sweep" .scenario | fromJson -}}
{{- $sweep := dict -}}
{{- $figures := . -}}
{{- with include "benchmark.text" (dict "key" (printf "%s.sweep.type" $key) "value" .type) -}}
{{- $_ := set $sweep "type" . -}}
{{- end -}}
{{- range $from, $to := dict "numRequests" "num_requests" "timeout" "timeout" "numStages" "num_stages" "stageDuration" "stage_duration" "saturationPercentile" "saturation_percentile" -}}
{{- $value := index $figures $from -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $number := include "benchmark.number" (dict "key" (printf "%s.sweep.%s" $key $from) "value" $value "integer" (not (has $from (list "timeout" "saturationPercentile")))) -}}
{{- $_ := set $sweep $to (float64 $number) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $load "sweep" $sweep -}}
{{- /* Upstream fails on an empty list, though the sweep replaces whatever stands in it. */ -}}
{{- if not $stages -}}
{{- $stages = list (dict "rate" 1 "duration" 1) -}}
{{- end -}}
{{- end -}}
{{- if $stages -}}
{{- $_ := set $load "stages" $stages -}}
{{- end -}}
{{- toRawJson $load -}}
{{- end -}}

{{/* What upstream's configuration cannot say: the search for the capacity, and its objectives. */}}
{{- define "benchmark.config.extensions" -}}
{{- $key := printf "benchmark.scenarios.%s.load.capacity" .name -}}
{{- $extensions := dict -}}
{{- with include "benchmark.map" (default dict .scenario.load).capacity | fromJson -}}
{{- $given := . -}}
{{- $search := dict -}}
{{- with include "benchmark.text" (dict "key" (printf "%s.profile" $key) "value" .profile) -}}
{{- $_ := set $search "profile" . -}}
{{- end -}}
{{- range $from, $to := dict "budgetMinutes" "budget_minutes" "maxConcurrency" "max_concurrency" -}}
{{- $value := index $given $from -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $search $to (include "benchmark.number" (dict "key" (printf "%s.%s" $key $from) "value" $value "integer" (eq $from "maxConcurrency")) | float64) -}}
{{- end -}}
{{- end -}}
{{- $objectives := list -}}
{{- range $i, $item := .slo -}}
{{- $slo := dict -}}
{{- with include "benchmark.text" (dict "key" (printf "%s.slo[%d].metric" $key $i) "value" (default dict $item).metric) -}}
{{- $_ := set $slo "metric" . -}}
{{- end -}}
{{- range $name := list "quantile" "limit" -}}
{{- $value := index (default dict $item) $name -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $slo $name (include "benchmark.number" (dict "key" (printf "%s.slo[%d].%s" $key $i $name) "value" $value "integer" false) | float64) -}}
{{- end -}}
{{- end -}}
{{- $objectives = append $objectives $slo -}}
{{- end -}}
{{- with $objectives -}}
{{- $_ := set $extensions "slo" . -}}
{{- end -}}
{{- $_ := set $extensions "capacity" $search -}}
{{- end -}}
{{- toRawJson $extensions -}}
{{- end -}}

{{/* The sweep of a scenario without null entries: with nothing but those there is none. */}}
{{- define "benchmark.config.sweep" -}}
{{- include "benchmark.map" (default dict .load).sweep -}}
{{- end -}}

{{/*
The stages, under `stages`. If every item has rate and duration, the list stands as it is. Otherwise each item is merged
over the built-in one of the same index, and built-in items beyond the list's end stay: this is how
`--set …stages[0].duration=600` keeps the other figures though Helm replaces lists.
*/}}
{{- define "benchmark.config.stages" -}}
{{- $key := printf "benchmark.scenarios.%s.load.stages" .name -}}
{{- $given := .scenario.load.stages | default list -}}
{{- $complete := true -}}
{{- range $given -}}
{{- if not (kindIs "map" .) -}}
{{- $complete = false -}}
{{- else if or (kindIs "invalid" .rate) (kindIs "invalid" .duration) -}}
{{- $complete = false -}}
{{- end -}}
{{- end -}}
{{- $base := list -}}
{{- if not $complete -}}
{{- $builtin := index (default dict .builtin) .name | default dict -}}
{{- $base = (default dict $builtin.load).stages | default list -}}
{{- end -}}
{{- $stages := list -}}
{{- range $i := until (max (len $given) (len $base) | int) -}}
{{- $item := dict -}}
{{- if lt $i (len $base) -}}{{- $item = deepCopy (index $base $i) -}}{{- end -}}
{{- if lt $i (len $given) -}}
{{- range $name, $value := default dict (index $given $i) -}}
{{- if not (kindIs "invalid" $value) -}}{{- $_ := set $item $name $value -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $stage := dict -}}
{{- include "benchmark.config.refuseFigures" (dict "key" (printf "%s[%d]" $key $i) "stage" $item "names" (list "numRequests" "concurrencyLevel") "message" "only a stage of concurrent load has it; take it out, or set the load's type to concurrent") -}}
{{- range $name := list "rate" "duration" -}}
{{- $value := index $item $name -}}
{{- if kindIs "invalid" $value -}}
{{- fail (printf "%s[%d].%s: it is not given, and there is no built-in stage %d to take it from; write rate and duration of every stage" $key $i $name $i) -}}
{{- end -}}
{{- $number := include "benchmark.number" (dict "key" (printf "%s[%d].%s" $key $i $name) "value" $value "integer" (eq $name "duration")) | float64 -}}
{{- if le $number 0.0 -}}
{{- fail (printf "%s[%d].%s: %s is not above 0" $key $i $name (toJson $value)) -}}
{{- end -}}
{{- $_ := set $stage $name $number -}}
{{- end -}}
{{- $stages = append $stages $stage -}}
{{- end -}}
{{- toRawJson (dict "stages" $stages) -}}
{{- end -}}

{{/* The stages of concurrent load, under `stages`: each a number of requests, so many of them in flight at once. */}}
{{- define "benchmark.config.rounds" -}}
{{- $key := printf "benchmark.scenarios.%s.load.stages" .name -}}
{{- $stages := list -}}
{{- range $i, $given := .scenario.load.stages -}}
{{- $item := default dict $given -}}
{{- $stage := dict -}}
{{- range $from, $to := dict "numRequests" "num_requests" "concurrencyLevel" "concurrency_level" -}}
{{- $value := index $item $from -}}
{{- if kindIs "invalid" $value -}}
{{- fail (printf "%s[%d].%s: a stage of concurrent load needs it; write numRequests and concurrencyLevel of every stage" $key $i $from) -}}
{{- end -}}
{{- $number := include "benchmark.number" (dict "key" (printf "%s[%d].%s" $key $i $from) "value" $value "integer" true) | float64 -}}
{{- if le $number 0.0 -}}
{{- fail (printf "%s[%d].%s: %s is not above 0" $key $i $from (toJson $value)) -}}
{{- end -}}
{{- $_ := set $stage $to $number -}}
{{- end -}}
{{- include "benchmark.config.refuseFigures" (dict "key" (printf "%s[%d]" $key $i) "stage" $item "names" (list "rate" "duration") "message" "a stage of concurrent load has none; take it out: numRequests and concurrencyLevel make a stage") -}}
{{- $stages = append $stages $stage -}}
{{- end -}}
{{- toRawJson (dict "stages" $stages) -}}
{{- end -}}

{{/* Refuses a stage at `key` that gives one of the figures `names`. Prints nothing. */}}
{{- define "benchmark.config.refuseFigures" -}}
{{- range $name := .names -}}
{{- if not (kindIs "invalid" (index $.stage $name)) -}}
{{- fail (printf "%s.%s: %s" $.key $name $.message) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "benchmark.config.server" -}}
{{- $target := .Values.benchmark.target -}}
{{- $type := include "benchmark.text" (dict "key" "benchmark.target.serverType" "value" $target.serverType) | default "vllm" -}}
{{- $url := include "benchmark.text" (dict "key" "benchmark.target.baseUrl" "value" $target.baseUrl) -}}
{{- if not $url -}}
{{- fail "benchmark.target.baseUrl: the model server's URL is missing; set it, for example http://my-model.default:8000" -}}
{{- end -}}
{{- $model := include "benchmark.text" (dict "key" "benchmark.target.modelName" "value" $target.modelName) -}}
{{- if eq (include "benchmark.simulates" .) "true" -}}
{{- $url = include "benchmark.simulator.url" . -}}
{{- $model = include "benchmark.simulator.model" . -}}
{{- end -}}
{{- $server := dict "type" (ternary "vllm" $type (eq $type "openai")) "base_url" $url -}}
{{- with $model -}}
{{- $_ := set $server "model_name" . -}}
{{- end -}}
{{- if not (kindIs "invalid" $target.ignoreEos) -}}
{{- $_ := set $server "ignore_eos" $target.ignoreEos -}}
{{- end -}}
{{- toRawJson $server -}}
{{- end -}}

{{/* `true` if results go to the bucket of benchmark.storage's key `of`. */}}
{{- define "benchmark.bucket.enabled" -}}
{{- $store := index .root.Values.benchmark.storage .of -}}
{{- $bucket := include "benchmark.text" (dict "key" (printf "benchmark.storage.%s.bucketName" .of) "value" $store.bucketName) -}}
{{- if and (eq (toJson $store.enabled) "true") (not $bucket) -}}
{{- fail (printf "benchmark.storage.%s.bucketName: it is empty, but benchmark.storage.%s.enabled is true; name a bucket, or leave enabled unset" .of .of) -}}
{{- end -}}
{{- and (ne $bucket "") (ne (toJson $store.enabled) "false") -}}
{{- end -}}

{{- define "benchmark.config.s3" -}}
{{- $s3 := .Values.benchmark.storage.s3 -}}
{{- $block := dict -}}
{{- if eq (include "benchmark.bucket.enabled" (dict "root" . "of" "s3")) "true" -}}
{{- $_ := set $block "bucket_name" $s3.bucketName -}}
{{- $_ := set $block "path" (include "benchmark.bucket.path" (dict "root" . "of" "s3")) -}}
{{- range $from, $to := dict "endpointUrl" "endpoint_url" "region" "region_name" "addressingStyle" "addressing_style" -}}
{{- with include "benchmark.text" (dict "key" (printf "benchmark.storage.s3.%s" $from) "value" (index $s3 $from)) -}}
{{- $_ := set $block $to . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toRawJson $block -}}
{{- end -}}

{{- define "benchmark.config.gcs" -}}
{{- $block := dict -}}
{{- if eq (include "benchmark.bucket.enabled" (dict "root" . "of" "gcs")) "true" -}}
{{- $_ := set $block "bucket_name" .Values.benchmark.storage.gcs.bucketName -}}
{{- $_ := set $block "path" (include "benchmark.bucket.path" (dict "root" . "of" "gcs")) -}}
{{- end -}}
{{- toRawJson $block -}}
{{- end -}}

{{/*
The literal `path`, else `<pathPrefix>/<scenario>/<serverType>/<last segment of the model name>/{timestamp}` without the
parts that are empty. The runner puts the start of the run in place of `{timestamp}`.
*/}}
{{- define "benchmark.bucket.path" -}}
{{- $store := index .root.Values.benchmark.storage .of -}}
{{- $target := .root.Values.benchmark.target -}}
{{- $literal := include "benchmark.text" (dict "key" (printf "benchmark.storage.%s.path" .of) "value" $store.path) -}}
{{- if $literal -}}
{{- $literal -}}
{{- else -}}
{{- $prefix := include "benchmark.text" (dict "key" (printf "benchmark.storage.%s.pathPrefix" .of) "value" $store.pathPrefix) | trimAll "/" -}}
{{- $model := regexReplaceAll "[^A-Za-z0-9._-]+" ($target.modelName | default "" | trimAll "/" | splitList "/" | last) "-" | trimAll "-." -}}
{{- list $prefix .root.Values.benchmark.scenario ($target.serverType | default "vllm") $model "{timestamp}" | compact | join "/" -}}
{{- end -}}
{{- end -}}

{{/* Digest of config.yml's meaning: formatting does not count. */}}
{{- define "benchmark.config.digest" -}}
{{- include "benchmark.config" . | fromJson | toRawJson | sha256sum -}}
{{- end -}}

{{/* config.yml of `helm test`: ten short requests to the simulated server. */}}
{{- define "benchmark.testConfig" -}}
{{- $lengths := dict "mean" 16.0 "std_dev" 0.0 "min" 16.0 "max" 16.0 -}}
{{- toRawJson (dict
  "api" (dict "type" "completion" "streaming" true)
  "data" (dict "type" "synthetic" "input_distribution" $lengths "output_distribution" $lengths)
  "load" (dict "type" "constant" "num_workers" 1 "interval" 0 "stages" (list (dict "rate" 2 "duration" 5)))
  "server" (dict "type" "vllm" "model_name" (include "benchmark.simulator.model" .) "base_url" (include "benchmark.simulator.url" .) "ignore_eos" true)
  "tokenizer" (dict "pretrained_model_name_or_path" (include "benchmark.simulator.tokenizer" .))
) -}}
{{- end -}}
