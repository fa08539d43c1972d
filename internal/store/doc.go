// Package store keeps what must survive a restart: the job queue and the files.
//
// [Queue] keeps jobs in NATS JetStream, embedded ([StartServer]) or external, and [Memory] in memory, for tests and single runs.
// [OpenBlobs] keeps files by content in a directory, in S3-compatible storage or in memory.
//
// # The queue in JetStream
//
// A key-value bucket holds one record per job; a work-queue stream holds one small message per job that somebody must run. The
// record is the truth and changes only by compare-and-set on its revision. A message only wakes a worker: a lost one is published
// again (reconcile), a superfluous one is dropped by the worker that receives it. A message stays unacknowledged while its job
// runs; when the worker no longer says that it is in progress, JetStream delivers it again, which is how a lost worker is noticed.
//
// Every claim writes a fresh holder into the record, and whatever a lease writes is refused unless that holder is still there.
// The attempt number alone would not do as a token: a job that was deleted and submitted again counts from one.
package store
