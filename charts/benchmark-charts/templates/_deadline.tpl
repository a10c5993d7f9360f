{{/*
How long a run may and should take, worked out from the merged config.yml.
*/}}

{{/*
Times of the run in seconds, empty if a stage has no duration (closed-loop stages end with their last
request): `load` is the planned time under load; `limit` allows in addition for the tokenizer to load, for each stage to
drain (request time-out, 300 where none is set, and tear-down grace) and for 120 s of upload.
*/}}
{{- define "benchmark.times" -}}
{{- $config := include "benchmark.config" . | fromJson -}}
{{- $load := $config.load -}}
{{- $loadTimeout := (default dict $config.tokenizer).load_timeout | default 300.0 | float64 -}}
{{- $interval := ternary 1.0 $load.interval (kindIs "invalid" $load.interval) | float64 -}}
{{- $grace := ternary 120.0 $load.stage_teardown_grace_seconds (kindIs "invalid" $load.stage_teardown_grace_seconds) | float64 -}}
{{- $drain := addf ($load.request_timeout | default 300.0 | float64) $grace (maxf $interval 0.0) -}}
{{- $durations := list -}}
{{- $known := true -}}
{{- if $load.sweep -}}
{{- $durations = append $durations ($load.sweep.timeout | default 60.0 | float64) -}}
{{- range until ($load.sweep.num_stages | default 5 | int) -}}
{{- $durations = append $durations ($load.sweep.stage_duration | default 180.0 | float64) -}}
{{- end -}}
{{- else -}}
{{- range $load.stages -}}
{{- if and (kindIs "map" .) (kindIs "float64" .duration) (kindIs "invalid" .concurrency_level) -}}
{{- $durations = append $durations (float64 .duration) -}}
{{- else -}}
{{- $known = false -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $times := dict -}}
{{- if $known -}}
{{- $planned := 0.0 -}}
{{- $limit := addf $loadTimeout 120.0 -}}
{{- range $durations -}}
{{- $planned = addf $planned . (maxf $interval 0.0) -}}
{{- $limit = addf $limit . $drain -}}
{{- end -}}
{{- $times = dict "load" (ceil $planned) "limit" (ceil $limit) -}}
{{- end -}}
{{- toRawJson $times -}}
{{- end -}}

{{/*
activeDeadlineSeconds of the pod: the limit of the run, 600 s to pull the image, and the grace for a last upload. Prints
nothing where no limit is wanted or known.
*/}}
{{- define "benchmark.podDeadline" -}}
{{- $given := .Values.benchmark.job.deadlineSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- with (include "benchmark.times" . | fromJson).limit -}}
{{- addf . 600 (include "benchmark.grace" $ | float64) | int64 -}}
{{- end -}}
{{- else -}}
{{- $number := include "benchmark.number" (dict "key" "benchmark.job.deadlineSeconds" "value" $given "integer" true) | int64 -}}
{{- if gt $number 0 -}}{{- $number -}}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "benchmark.grace" -}}
{{- $given := .Values.benchmark.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}120{{- else -}}
{{- include "benchmark.number" (dict "key" "benchmark.terminationGracePeriodSeconds" "value" $given "integer" true) -}}
{{- end -}}
{{- end -}}
