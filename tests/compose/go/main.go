//go:build tools

// Package compose pins Docker Compose: go.mod and go.sum say which sources it is built from.
package compose

import _ "github.com/docker/compose/v2/cmd"
