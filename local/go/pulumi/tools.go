//go:build tools

// Package tools pins the Pulumi engine that the tests drive through the Automation API.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
