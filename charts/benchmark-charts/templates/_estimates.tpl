{{/*
How long a run may and should take and how much it writes, worked out from the merged config.yml.
*/}}

{{/*
Times of the run in seconds, empty if a stage has no duration (closed-loop stages end with their last
request), and for a plan of more seconds than Kubernetes counts: `load` is the planned time under load; `limit` allows in addition for the tokenizer to load, for each stage to
drain (request time-out, 300 where none is set, and tear-down grace), for 120 s of upload, and for the wait until the
target is ready.
*/}}
{{- define "benchmark.times" -}}
{{- include "benchmark.once" (dict "root" . "of" "benchmark.times.estimated") -}}
{{- end -}}

{{- define "benchmark.times.estimated" -}}
{{- $config := include "benchmark.config" . | fromJson -}}
{{- $load := $config.load -}}
{{- $loadTimeout := (default dict $config.tokenizer).load_timeout | default 300.0 | float64 -}}
{{- $interval := ternary 1.0 $load.interval (kindIs "invalid" $load.interval) | float64 | maxf 0.0 -}}
{{- $grace := ternary 120.0 $load.stage_teardown_grace_seconds (kindIs "invalid" $load.stage_teardown_grace_seconds) | float64 -}}
{{- $planned := 0.0 -}}
{{- $stages := 0.0 -}}
{{- $known := true -}}
{{- $search := (default dict $config.extensions).capacity -}}
{{- if kindIs "map" $search -}}
{{- if kindIs "float64" $search.budget_minutes -}}
{{- /* Within its budget, but for a last step that takes longer than expected; a pause after each of 80 steps at most. */ -}}
{{- $planned = addf (mulf $search.budget_minutes 60.0) (mulf 80.0 $interval) -}}
{{- $stages = 2.0 -}}
{{- else -}}
{{- $known = false -}}
{{- end -}}
{{- else if $load.sweep -}}
{{- $count := $load.sweep.num_stages | default 5.0 | float64 | floor | maxf 0.0 -}}
{{- $stages = addf $count 1.0 -}}
{{- $stage := addf ($load.sweep.stage_duration | default 180.0 | float64) $interval -}}
{{- $planned = addf ($load.sweep.timeout | default 60.0 | float64) $interval (mulf $count $stage) -}}
{{- else -}}
{{- range $load.stages -}}
{{- if and (kindIs "map" .) (kindIs "float64" .duration) (kindIs "invalid" .concurrency_level) -}}
{{- $planned = addf $planned .duration $interval -}}
{{- $stages = addf $stages 1.0 -}}
{{- else -}}
{{- $known = false -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $drain := addf ($load.request_timeout | default 300.0 | float64) $grace -}}
{{- $preflight := include "benchmark.preflightSeconds" . | default "0" | float64 -}}
{{- $limit := addf $loadTimeout $preflight 120.0 $planned (mulf $stages $drain) -}}
{{- $times := dict -}}
{{- if and $known (lt $limit 2000000000.0) -}}
{{- $times = dict "load" (ceil $planned) "limit" (ceil $limit) -}}
{{- end -}}
{{- toRawJson $times -}}
{{- end -}}

{{/*
activeDeadlineSeconds of the pod: the limit of the run, the time that its reports are held, 600 s to pull the image, and
the grace for a last upload. Prints nothing where no limit is wanted or known.
*/}}
{{- define "benchmark.podDeadline" -}}
{{- $given := .Values.benchmark.job.deadlineSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- with (include "benchmark.times" . | fromJson).limit -}}
{{- addf . 600 (include "benchmark.holdSeconds" $ | float64) (include "benchmark.grace" $ | float64) | int64 -}}
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

{{/* Longest wait for the target, seconds; nothing if it is not waited for. */}}
{{- define "benchmark.preflightSeconds" -}}
{{- $preflight := .Values.benchmark.preflight -}}
{{- if eq (toJson $preflight.enabled) "true" -}}
{{- $wait := ternary 600 $preflight.waitSeconds (kindIs "invalid" $preflight.waitSeconds) -}}
{{- include "benchmark.number" (dict "key" "benchmark.preflight.waitSeconds" "value" $wait "integer" true) -}}
{{- end -}}
{{- end -}}

{{/* Seconds that the pod stays after the run. */}}
{{- define "benchmark.holdSeconds" -}}
{{- include "benchmark.number" (dict "key" "benchmark.results.holdSeconds" "value" (.Values.benchmark.results.holdSeconds | default 0) "integer" true) -}}
{{- end -}}

{{/*
MiB of disk, empty if the number of requests is not known: `request` is what the plan writes and some room for logs,
`limit` four times that. A record has some 512 bytes and 8 for each token of the answer; where each request is reported,
the answer stands twice in its record and twice in the report, 250 bytes a token each. A sweep is taken to find at most a
tenth of its burst as rate.
*/}}
{{- define "benchmark.disk" -}}
{{- include "benchmark.once" (dict "root" . "of" "benchmark.disk.estimated") -}}
{{- end -}}

{{- define "benchmark.disk.estimated" -}}
{{- $config := include "benchmark.config" . | fromJson -}}
{{- $load := $config.load -}}
{{- $counts := list -}}
{{- $known := true -}}
{{- if kindIs "map" (default dict $config.extensions).capacity -}}
{{- $known = false -}}
{{- else if $load.sweep -}}
{{- $burst := $load.sweep.num_requests | default 2000.0 | float64 -}}
{{- $time := mulf ($load.sweep.num_stages | default 5.0 | float64) ($load.sweep.stage_duration | default 180.0 | float64) -}}
{{- $counts = list $burst (mulf $burst 0.1 $time) -}}
{{- else -}}
{{- range $load.stages -}}
{{- if not (kindIs "map" .) -}}
{{- $known = false -}}
{{- else if kindIs "float64" .num_requests -}}
{{- $counts = append $counts .num_requests -}}
{{- else if and (kindIs "float64" .rate) (kindIs "float64" .duration) -}}
{{- $counts = append $counts (mulf .rate .duration) -}}
{{- else -}}
{{- $known = false -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $requests := 0.0 -}}
{{- range $counts -}}{{- $requests = addf $requests . -}}{{- end -}}
{{- $tokens := dict -}}
{{- range $part := list "input" "output" -}}
{{- $mean := (default dict (index (default dict $config.data) (printf "%s_distribution" $part))).mean -}}
{{- $_ := set $tokens $part (ternary $mean 1024.0 (kindIs "float64" $mean)) -}}
{{- end -}}
{{- $bytes := addf 512.0 (mulf 8.0 $tokens.output) -}}
{{- if eq (toJson (default dict (default dict $config.report).request_lifecycle).per_request) "true" -}}
{{- $bytes = addf $bytes 4096.0 (mulf 8.0 $tokens.input) (mulf 1000.0 $tokens.output) -}}
{{- end -}}
{{- $disk := dict -}}
{{- if and $known (lt $requests 1000000000.0) (lt $bytes 1000000000.0) -}}
{{- $mebibytes := mulf $requests $bytes 0.00000095367431640625 | floor -}}
{{- $disk = dict "request" (addf $mebibytes 65.0) "limit" (addf (mulf $mebibytes 4.0) 320.0) -}}
{{- end -}}
{{- toRawJson $disk -}}
{{- end -}}
