// Package mrd speaks the streaming protocol of ISMRMRD, by which Siemens' FIRE, Gadgetron's clients and scanners' converters send an
// acquisition over TCP and get images back (github.com/ismrmrd/ismrmrd, doc/mrd_streaming_protocol.md).
//
// A session is a stream of messages in each direction, little-endian: a number of 16 bits says what follows. The client names a
// configuration, sends the header of the acquisition and every readout, and closes; the server sends images, texts about its progress,
// and closes too. There is neither authentication nor encryption.
package mrd
