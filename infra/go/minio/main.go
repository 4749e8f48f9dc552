//go:build tools

// Package minio pins the object store: go.mod and go.sum say which sources it is built from.
package minio

import _ "github.com/minio/minio"
