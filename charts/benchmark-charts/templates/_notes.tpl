{{/*
Parts of NOTES.txt.
*/}}

{{/* A text as one word of a shell command. */}}
{{- define "benchmark.shell" -}}
{{- if regexMatch "^[A-Za-z0-9_./:@%+=,-]+$" . -}}
{{- . -}}
{{- else -}}
'{{ replace "'" "'\\''" . }}'
{{- end -}}
{{- end -}}

{{/* Seconds in words. */}}
{{- define "benchmark.duration" -}}
{{- if lt (int .) 120 -}}
{{- printf "%d seconds" (int .) -}}
{{- else -}}
{{- printf "%d minutes" (round (divf . 60) 0 | int) -}}
{{- end -}}
{{- end -}}

{{/* What the run sends. */}}
{{- define "benchmark.plan" -}}
{{- $config := include "benchmark.config" . | fromJson -}}
{{- $load := $config.load -}}
{{- $times := include "benchmark.times" . | fromJson -}}
{{- if kindIs "map" (default dict $config.extensions).capacity -}}
{{- print "a search for the highest rate that meets the objectives" -}}
{{- else if $load.sweep -}}
{{- printf "a burst, then %d stages near the rate it finds" ($load.sweep.num_stages | default 5 | float64 | int) -}}
{{- else -}}
{{- printf "%d %s" (len $load.stages) (ternary "stage" "stages" (eq (len $load.stages) 1)) -}}
{{- end -}}
{{- with $times.load -}}
{{- printf ", about %s of load" (include "benchmark.duration" .) -}}
{{- end -}}
{{- end -}}

{{/* Lists the results in S3, under all of the path before its first `{timestamp}`; takes config.yml's block about S3. */}}
{{- define "benchmark.notes.s3" -}}
{{- $s3 := . -}}
{{- $path := splitList "{" ($s3.path | default "") | first | trimAll "/" -}}
{{- $folder := printf "s3://%s/%s" ($s3.bucket_name | default "BUCKET") (ternary (printf "%s/" $path) "" (ne $path "")) -}}
aws s3 ls --recursive {{ include "benchmark.shell" $folder }}{{ with $s3.endpoint_url }} --endpoint-url {{ include "benchmark.shell" . }}{{ end }}{{ with $s3.region_name }} --region {{ include "benchmark.shell" . }}{{ end }}
{{- end -}}

{{/* The same in Google Cloud Storage. */}}
{{- define "benchmark.notes.gcs" -}}
{{- $path := splitList "{" (.path | default "") | first | trimAll "/" -}}
gcloud storage ls --recursive {{ include "benchmark.shell" (printf "gs://%s/%s" (.bucket_name | default "BUCKET") (ternary (printf "%s/" $path) "" (ne $path ""))) }}
{{- end -}}

{{/* One line for each thing that is accepted but does nothing, or is risky. */}}
{{- define "benchmark.warnings" -}}
{{- $b := .Values.benchmark -}}
{{- $lines := list -}}
{{- if $b.dependencies.packages -}}
{{- $lines = append $lines "benchmark.dependencies.packages is ignored: the image needs no Python package. For upstream's image, build one that has them." -}}
{{- end -}}
{{- if ne (include "benchmark.number" (dict "key" "benchmark.job.backoffLimit" "value" ($b.job.backoffLimit | default 0) "integer" true)) "0" -}}
{{- $lines = append $lines "benchmark.job.backoffLimit is above 0: each retry repeats the whole load against the target." -}}
{{- end -}}
{{- if not (kindIs "invalid" $b.job.ttlSecondsAfterFinished) -}}
{{- $lines = append $lines "benchmark.job.ttlSecondsAfterFinished is set: once the finished Job is deleted, its log is gone, and the next upgrade or GitOps reconcile runs the load again." -}}
{{- end -}}
{{- if and (eq (include "benchmark.upstream" .) "true") (kindIs "invalid" (default dict $b.podSecurityContext).runAsUser) -}}
{{- $lines = append $lines "Upstream's image runs as root, which this pod does not allow; add --set benchmark.podSecurityContext.runAsUser=1000." -}}
{{- end -}}
{{- if and (ne (include "benchmark.affinityMode" .) "off") (ne (include "benchmark.simulates" .) "true") (not (include "benchmark.affinity" . | fromJson)) -}}
{{- $lines = append $lines "benchmark.target.baseUrl names no Service of the cluster, so the pod may run in any zone. Give benchmark.affinity.targetLabels and namespaces if the model runs in this cluster." -}}
{{- end -}}
{{- if not (include "benchmark.podDeadline" .) -}}
{{- $lines = append $lines "The pod has no deadline; set benchmark.job.deadlineSeconds to bound it." -}}
{{- end -}}
{{- if eq (toJson $b.metrics.enabled) "true" -}}
{{- $lines = append $lines "benchmark.metrics is ignored: give the server's Prometheus under benchmark.config.metrics." -}}
{{- end -}}
{{- if $b.resources.main -}}
{{- $lines = append $lines "benchmark.resources.main is merged over benchmark.resources, where its keys belong." -}}
{{- end -}}
{{- if eq (include "benchmark.upstream" .) "true" -}}
{{- range $key, $given := dict
  "benchmark.liveMetrics" (include "benchmark.live.port" .)
  "benchmark.results.holdSeconds" (ne (include "benchmark.holdSeconds" .) "0")
  "benchmark.target.apiKey" $b.target.apiKey.existingSecret
  "benchmark.target.headers" $b.target.headers.existingSecret
  "benchmark.target.ca" (or $b.target.ca.existingSecret $b.target.ca.existingConfigMap)
  "benchmark.target.clientCertificate" $b.target.clientCertificate.existingSecret -}}
{{- if $given -}}
{{- $lines = append $lines (printf "%s is ignored by upstream's image." $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $foreign := dict -}}
{{- if $b.serviceAccount.create -}}
{{- $foreign = include "benchmark.foreignAccount" . | fromJson -}}
{{- end -}}
{{- if and $foreign (or $b.serviceAccount.annotations $b.serviceAccount.labels) -}}
{{- $lines = append $lines (printf "The ServiceAccount %s belongs to %s and is left as it is, so benchmark.serviceAccount.annotations and labels do nothing here. Set them there, or set benchmark.serviceAccount.name to another one." (include "benchmark.serviceAccountName" .) $foreign.owner) -}}
{{- end -}}
{{- if ne (include "benchmark.namespace" .) .Release.Namespace -}}
{{- $lines = append $lines (printf "The objects go to namespace %s, which must exist; the release itself is kept in %s." (include "benchmark.namespace" .) .Release.Namespace) -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end -}}
