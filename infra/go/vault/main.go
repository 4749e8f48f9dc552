//go:build tools

// Package vault pins the secrets server: go.mod and go.sum say which sources it is built from.
package vault

import _ "github.com/hashicorp/vault"
