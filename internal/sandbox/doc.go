// Package sandbox runs the parsing of untrusted files in a child process that can do nothing else, so that a crafted file
// costs one child and one error message, never the program.
//
// The child is this same executable, started again with CLOSER_SANDBOX=<task> in an otherwise minimal environment. A package
// that parses registers its task in init; main and TestMain call Main first, which runs the task and exits in a child, and
// returns in every other process:
//
//	func init() { sandbox.Register("dicom", parse) }
//	func main() { sandbox.Main(); … }
//
// Four walls stand around a task; Enforced measures which of them this machine has:
//
//   - Landlock, entered by the thread that starts the child and therefore in force before the child's first instruction:
//     of the file system the child may open the executable, the shared libraries this process has mapped, and the input.
//     It may bind and connect no TCP socket, and signal nobody outside.
//   - Resource limits: memory, CPU time, file size 0, few descriptors, no core dumps.
//   - Seccomp on all threads (Seal): from then on only reading, writing and mapping what is already open, memory, threads
//     and clocks. No open, no socket, no exec. A task registered with Register begins sealed.
//   - The parent: a wall clock for every exchange, the caller's context, and the child dies with its parent.
//
// A foreign program, such as a decoder of images, can take the place of a task (RegisterProgram). It stands behind the same
// walls, but as it loads itself it may also open and read the system's libraries.
//
// Where the kernel lacks Landlock or seccomp the others still hold, and Enforced says so.
package sandbox
