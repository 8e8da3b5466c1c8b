//go:build tools

// Package tools names what is built, so that go.mod and go.sum hold all that it needs.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
