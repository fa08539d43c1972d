package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// A worker that ends is started again after a pause, which grows while workers do not live long.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
	longLife   = time.Minute
)

// supervise keeps one worker running until ctx ends, then asks it to stop and waits for it.
func supervise(ctx context.Context, worker func(context.Context) (*exec.Cmd, error), log *slog.Logger) {
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, lastPause) {
		start := time.Now()
		cmd, err := worker(ctx)
		if err == nil {
			err = cmd.Run()
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > longLife {
			pause = firstPause
		}
		log.Warn("a worker ended and is started again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// worker is a worker process of this program, which ends when ctx does, or when this process does, however it ends.
func (o serveOptions) worker(ctx context.Context) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"work", "--attached", "--attempts", strconv.Itoa(o.attempts)}, o.engine.args()...)...)
	cmd.Env = append(os.Environ(), natsVariable+"="+o.nats, blobsVariable+"="+o.blobs)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the server, which then asks its workers
	if _, err := cmd.StdinPipe(); err != nil {            // nothing is written: its end is what the worker waits for
		return nil, err
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	return cmd, nil
}
