//go:build tools

// Package tools pins the Helm CLI that installs the operator's chart.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
