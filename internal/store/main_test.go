package store_test

import (
	"os"
	"testing"
)

// TestMain lets this program be its own victim: started with a role in its environment it plays that instead of testing.
func TestMain(m *testing.M) {
	if dir := os.Getenv(submitterDir); dir != "" {
		os.Exit(submitUntilKilled(dir))
	}
	if dir := os.Getenv(fillerDir); dir != "" {
		os.Exit(fillDisk(dir))
	}
	// credentials of the S3 server that the tests start
	os.Setenv("AWS_ACCESS_KEY_ID", "test")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	os.Exit(m.Run())
}
