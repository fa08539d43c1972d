package recon

import _ "embed"

// ValidationSchema is the JSON Schema (draft 2020-12) of a validation's report.json; it refers to ReportSchema for each unit.
//
//go:embed schema/validation-1.json
var ValidationSchema []byte
