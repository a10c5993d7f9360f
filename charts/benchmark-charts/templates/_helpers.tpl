{{/*
Names, namespace, labels, annotations and image: what every object of the chart shares.
*/}}

{{/* First part of object names, of any length: `<release>-<chart>`, or the release if its name says it already. */}}
{{- define "benchmark.fullname" -}}
{{- $chart := include "benchmark.text" (dict "key" "nameOverride" "value" .Values.nameOverride) | default .Chart.Name -}}
{{- $override := include "benchmark.text" (dict "key" "fullnameOverride" "value" .Values.fullnameOverride) -}}
{{- if $override -}}
{{- $override -}}
{{- else if contains $chart .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $chart -}}
{{- end -}}
{{- end -}}

{{/*
`<fullname>-<scenario>` with `-<suffix>` where there is one, in at most 63 characters: the pod carries the Job's name as
the value of a label. The scenario keeps up to 30 characters, a longer fullname is cut.
*/}}
{{- define "benchmark.join" -}}
{{- $suffix := ternary (printf "-%s" .suffix) "" (ne .suffix "") -}}
{{- $scenario := include "benchmark.shorten" (dict "limit" 30 "text" (include "benchmark.slug" (include "benchmark.scenario" .root))) -}}
{{- $full := include "benchmark.slug" (include "benchmark.fullname" .root) -}}
{{- if not $full -}}
{{- fail "fullnameOverride: it has no letter a-z and no digit; write a name such as my-benchmark" -}}
{{- end -}}
{{- $limit := sub 62 (add (len $scenario) (len $suffix)) | int -}}
{{- printf "%s-%s%s" (include "benchmark.shorten" (dict "limit" $limit "text" $full)) $scenario $suffix -}}
{{- end -}}

{{/*
Name of the Job and its ConfigMap. With the suffix `hash` it changes with the pod template, which contains the digest of
config.yml, so that an upgrade makes a new Job exactly if the run would differ. The template that is hashed has an empty
name for the ConfigMap, as that name depends on the hash.
*/}}
{{- define "benchmark.name" -}}
{{- include "benchmark.once" (dict "root" . "of" "benchmark.name.hashed") -}}
{{- end -}}

{{- define "benchmark.name.hashed" -}}
{{- $suffix := include "benchmark.nameSuffix" . -}}
{{- if eq $suffix "none" -}}
{{- include "benchmark.join" (dict "root" . "suffix" "") -}}
{{- else if eq $suffix "hash" -}}
{{- $hash := include "benchmark.podTemplate" (dict "root" . "configMap" "") | fromYaml | toRawJson | sha256sum | trunc 8 -}}
{{- include "benchmark.join" (dict "root" . "suffix" $hash) -}}
{{- else -}}
{{- include "benchmark.join" (dict "root" . "suffix" $suffix) -}}
{{- end -}}
{{- end -}}

{{- define "benchmark.nameSuffix" -}}
{{- $value := .Values.benchmark.job.nameSuffix -}}
{{- $suffix := ternary "hash" (include "benchmark.scalar" $value) (kindIs "invalid" $value) -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?$" $suffix) -}}
{{- fail (printf "benchmark.job.nameSuffix: %s is none of: hash, none, or a literal of at most 20 lower case letters, digits and hyphens" (toJson $suffix)) -}}
{{- end -}}
{{- $suffix -}}
{{- end -}}

{{/* The one namespace of all objects. */}}
{{- define "benchmark.namespace" -}}
{{- $own := include "benchmark.text" (dict "key" "benchmark.namespace" "value" .Values.benchmark.namespace) -}}
{{- $root := include "benchmark.text" (dict "key" "namespaceOverride" "value" .Values.namespaceOverride) -}}
{{- $own | default $root | default .Release.Namespace -}}
{{- end -}}

{{- define "benchmark.serviceAccountName" -}}
{{- $account := .Values.benchmark.serviceAccount -}}
{{- $name := include "benchmark.text" (dict "key" "benchmark.serviceAccount.name" "value" $account.name) -}}
{{- $name | default (ternary "inference-perf-sa" "default" (eq (toJson $account.create) "true")) -}}
{{- end -}}

{{/* `true` if the scenario runs against a simulated server of this release. */}}
{{- define "benchmark.simulates" -}}
{{- eq (toJson (default dict .Values.simulator).enabled) "true" -}}
{{- end -}}

{{/* Name of the simulated server's objects. It begins with a letter, as the name of a Service must. */}}
{{- define "benchmark.simulator.name" -}}
{{- include "benchmark.prefixed" (dict "root" . "prefix" "simulator") -}}
{{- end -}}

{{/* Name of an object that a release has one of, whatever its scenario: `<prefix>-<fullname>` in at most 63 characters. */}}
{{- define "benchmark.prefixed" -}}
{{- $limit := sub 62 (len .prefix) | int -}}
{{- printf "%s-%s" .prefix (include "benchmark.shorten" (dict "limit" $limit "text" (include "benchmark.slug" (include "benchmark.fullname" .root)))) -}}
{{- end -}}

{{- define "benchmark.simulator.url" -}}
{{- printf "http://%s.%s:8000" (include "benchmark.simulator.name" .) (include "benchmark.namespace" .) -}}
{{- end -}}

{{- define "benchmark.simulator.model" -}}
{{- include "benchmark.text" (dict "key" "benchmark.target.modelName" "value" .Values.benchmark.target.modelName) | default "simulated-model" -}}
{{- end -}}

{{/* Folder in the pod that holds the simulated server's tokenizer. */}}
{{- define "benchmark.simulator.tokenizer" -}}
/tmp/tokenizer
{{- end -}}

{{/* Labels by which the simulated server's pods are chosen. */}}
{{- define "benchmark.simulator.identity" -}}
{{- toRawJson (dict
  "app.kubernetes.io/name" (include "benchmark.labelValue" (.Values.nameOverride | default .Chart.Name))
  "app.kubernetes.io/instance" (include "benchmark.labelValue" .Release.Name)
  "app.kubernetes.io/component" "simulator"
) -}}
{{- end -}}

{{/* Labels of an object that belongs to the component `component`. */}}
{{- define "benchmark.componentLabels" -}}
{{- $labels := include "benchmark.labels" .root | fromJson -}}
{{- $_ := set $labels "app.kubernetes.io/component" .component -}}
{{- toRawJson $labels -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "benchmark.labels" -}}
{{- $own := dict
  "helm.sh/chart" (include "benchmark.labelValue" (printf "%s-%s" .Chart.Name .Chart.Version))
  "app.kubernetes.io/version" (include "benchmark.labelValue" .Chart.AppVersion)
-}}
{{- include "benchmark.strings" (dict "key" "commonLabels" "maps" (list .Values.commonLabels (include "benchmark.identity" . | fromJson) $own)) -}}
{{- end -}}

{{/* Labels that say what an object is, the same in every version of the chart. */}}
{{- define "benchmark.identity" -}}
{{- toRawJson (dict
  "app.kubernetes.io/name" (include "benchmark.labelValue" (.Values.nameOverride | default .Chart.Name))
  "app.kubernetes.io/instance" (include "benchmark.labelValue" .Release.Name)
  "app.kubernetes.io/component" "benchmark"
  "app.kubernetes.io/part-of" "benchmark-charts"
  "app.kubernetes.io/managed-by" (include "benchmark.labelValue" .Release.Service)
) -}}
{{- end -}}

{{/* Labels of ConfigMap and Job; `extra` are the user's for this object. */}}
{{- define "benchmark.scenarioLabels" -}}
{{- include "benchmark.strings" (dict "key" "benchmark.job.labels" "maps" (list .extra (include "benchmark.labels" .root | fromJson) (dict "benchmark.scenario" .root.Values.benchmark.scenario))) -}}
{{- end -}}

{{/* `registry/repository@digest`, else `registry/repository:tag`. */}}
{{- define "benchmark.image" -}}
{{- $image := .Values.benchmark.image -}}
{{- $tag := include "benchmark.text" (dict "key" "benchmark.image.tag" "value" $image.tag) | default .Chart.AppVersion -}}
{{- $digest := include "benchmark.text" (dict "key" "benchmark.image.digest" "value" $image.digest) -}}
{{- if $digest -}}
{{- printf "%s@%s" (include "benchmark.imageName" .) $digest -}}
{{- else -}}
{{- printf "%s:%s" (include "benchmark.imageName" .) $tag -}}
{{- end -}}
{{- end -}}

{{- define "benchmark.imageName" -}}
{{- $image := .Values.benchmark.image -}}
{{- $repository := include "benchmark.text" (dict "key" "benchmark.image.repository" "value" $image.repository) -}}
{{- with include "benchmark.text" (dict "key" "benchmark.image.registry" "value" $image.registry) | trimSuffix "/" -}}
{{- $repository = printf "%s/%s" . $repository -}}
{{- end -}}
{{- if not $repository -}}
{{- fail "benchmark.image.repository: it is empty; write the image's name without a tag" -}}
{{- end -}}
{{- $repository -}}
{{- end -}}

{{/* The ServiceAccount of that name if another release or another tool owns it, as JSON; `{}` if there is none, and offline. */}}
{{- define "benchmark.foreignAccount" -}}
{{- $foreign := dict -}}
{{- $found := lookup "v1" "ServiceAccount" (include "benchmark.namespace" .) (include "benchmark.serviceAccountName" .) -}}
{{- if $found -}}
{{- $owner := default dict (default dict $found.metadata).annotations -}}
{{- $name := index $owner "meta.helm.sh/release-name" | default "" -}}
{{- $namespace := index $owner "meta.helm.sh/release-namespace" | default "" -}}
{{- if not (and (eq $name .Release.Name) (eq $namespace .Release.Namespace)) -}}
{{- $foreign = dict "owner" (ternary (printf "release %s" $name) "no release" (ne $name "")) -}}
{{- end -}}
{{- end -}}
{{- toRawJson $foreign -}}
{{- end -}}

{{/* The Job's annotations; the scenario's description is one. */}}
{{- define "benchmark.jobAnnotations" -}}
{{- $own := dict -}}
{{- with (index .Values.benchmark.scenarios (include "benchmark.scenario" .)).description -}}
{{- $_ := set $own "benchmark.description" . -}}
{{- end -}}
{{- include "benchmark.strings" (dict "key" "benchmark.job.annotations" "maps" (list .Values.commonAnnotations .Values.benchmark.job.annotations $own)) -}}
{{- end -}}

{{/* `true` if the image is upstream's. */}}
{{- define "benchmark.upstream" -}}
{{- contains "quay.io/inference-perf/" (include "benchmark.imageName" .) -}}
{{- end -}}
