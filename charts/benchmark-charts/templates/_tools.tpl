{{/*
Small tools that know nothing of benchmarks. Null is tested with `kindIs "invalid"`, never with hasKey: Helm 4 drops a
null default, Helm 3 keeps it.
A helper that makes a map or list prints it as JSON, for fromJson: as YAML, a text at its end would lose its last newline.
Only templates make YAML, with toYaml, so that no text can change the structure.
*/}}

{{/*
What the helper `of` prints for the root `root`, worked out once in a rendering: several templates need the same, and it
takes most of their time. It is kept in the values, which are this rendering's own copy.
*/}}
{{- define "benchmark.once" -}}
{{- $known := .root.Values.known | default dict -}}
{{- if not (hasKey $known .of) -}}
{{- $_ := set $known .of (include .of .root) -}}
{{- $_ := set .root.Values "known" $known -}}
{{- end -}}
{{- index $known .of -}}
{{- end -}}

{{/* Removes null entries from a map, at every depth, in place. Prints nothing. */}}
{{- define "benchmark.prune" -}}
{{- $map := . -}}
{{- range $key, $value := $map -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $map $key -}}
{{- else if kindIs "map" $value -}}
{{- include "benchmark.prune" $value -}}
{{- else if kindIs "slice" $value -}}
{{- range $value -}}
{{- if kindIs "map" . -}}{{- include "benchmark.prune" . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Merges the map `from` into the map `into`, in place: maps merge, anything else replaces. Null removes an entry that is there
and stands as null where none is. Not sprig's mergeOverwrite, which ignores a `false` or a `0` on the right. Prints nothing.
*/}}
{{- define "benchmark.merge" -}}
{{- $into := .into -}}
{{- range $key, $value := .from -}}
{{- if and (kindIs "invalid" $value) (not (kindIs "invalid" (index $into $key))) -}}
{{- $_ := unset $into $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" (index $into $key)) -}}
{{- include "benchmark.merge" (dict "into" (index $into $key) "from" $value) -}}
{{- else -}}
{{- $_ := set $into $key (dict "value" $value | deepCopy).value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A map without its null entries, at every depth; `{}` for null. */}}
{{- define "benchmark.map" -}}
{{- $copy := deepCopy (default dict .) -}}
{{- include "benchmark.prune" $copy -}}
{{- toRawJson $copy -}}
{{- end -}}

{{/* A list of maps without their null entries; `[]` for null. */}}
{{- define "benchmark.list" -}}
{{- $copy := dict "value" (default list .) | deepCopy -}}
{{- include "benchmark.prune" $copy -}}
{{- toRawJson $copy.value -}}
{{- end -}}

{{/*
The number `value` of the key `key`, as JSON writes it. `--set` makes strings of fractions, so a string that spells a
decimal number counts as one. Negative numbers are refused, with `integer` fractions too.
*/}}
{{- define "benchmark.number" -}}
{{- $text := toJson .value | trimAll "\"" -}}
{{- $text = ternary "0" $text (eq $text "-0") -}}
{{- if not (regexMatch "^([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?$" $text) -}}
{{- fail (printf "%s: %s is not a number of 0 or more; write one, such as 2.5" .key (toJson .value)) -}}
{{- end -}}
{{- $number := float64 $text -}}
{{- if and .integer (ne (floor $number) $number) -}}
{{- fail (printf "%s: %s is not a whole number; write one without a fraction" .key $text) -}}
{{- end -}}
{{- toJson $number -}}
{{- end -}}

{{/* The string `value` of the key `key`; nothing for null. */}}
{{- define "benchmark.text" -}}
{{- if kindIs "string" .value -}}
{{- .value -}}
{{- else if not (kindIs "invalid" .value) -}}
{{- fail (printf "%s: %s is not a string; put it in quotes (on a command line: --set-string)" .key (toJson .value)) -}}
{{- end -}}
{{- end -}}

{{/* A string as it is, a number or boolean as JSON writes it. */}}
{{- define "benchmark.scalar" -}}
{{- if kindIs "string" . -}}{{- . -}}{{- else -}}{{- toJson . -}}{{- end -}}
{{- end -}}

{{/*
Labels or annotations: the maps of the list `maps` as one map, later ones winning, every value a string, null values
left out. An empty list stands for an empty map (AWS's chart has `annotations: []`); `key` names a list that is not empty.
*/}}
{{- define "benchmark.strings" -}}
{{- $merged := dict -}}
{{- range .maps -}}
{{- if kindIs "map" . -}}
{{- range $name, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $merged $name (include "benchmark.scalar" $value) -}}
{{- end -}}
{{- end -}}
{{- else if . -}}
{{- fail (printf "%s: a map is needed; write name: value" $.key) -}}
{{- end -}}
{{- end -}}
{{- toRawJson $merged -}}
{{- end -}}

{{/* A text as part of an object's name: lower case letters, digits and single hyphens; may come out empty. */}}
{{- define "benchmark.slug" -}}
{{- regexReplaceAll "[^A-Za-z0-9]+" . "-" | lower | trimAll "-" -}}
{{- end -}}

{{/* The slug `text` in at most `limit` characters; a cut one ends in 8 digits of its digest and so stays unique. */}}
{{- define "benchmark.shorten" -}}
{{- if gt (len .text) .limit -}}
{{- printf "%s-%s" (trunc (sub .limit 9 | int) .text | trimSuffix "-") (sha256sum .text | trunc 8) -}}
{{- else -}}
{{- .text -}}
{{- end -}}
{{- end -}}

{{/* A text as the value of a label. */}}
{{- define "benchmark.labelValue" -}}
{{- regexReplaceAll "[^A-Za-z0-9_.-]+" . "-" | trunc 63 | trimAll "-_." -}}
{{- end -}}
