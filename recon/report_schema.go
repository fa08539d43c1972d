package recon

import _ "embed"

// ReportSchema is the JSON Schema (draft 2020-12) of report.json, with the meaning and unit of every field.
//
//go:embed schema/report-1.json
var ReportSchema []byte
