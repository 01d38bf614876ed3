// Package tools pins the Pulumi CLI and every module below it, so that a build from Go modules is the same build everywhere.
//go:build tools

package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
