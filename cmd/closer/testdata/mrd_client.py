"""Send raw data to an MRD server as a scanner does, with the Python package ismrmrd, and print as JSON what it answers.

    mrd_client.py PORT RAW.h5 [RECONSTRUCTION.h5]

Images are compared with a reconstruction: difference is the largest of any, where the largest pixel is 1.
"""
import json
import socket
import sys

import h5py
import ismrmrd
import numpy as np
from ismrmrd.serialization import ConfigFile, ISMRMRDMessageID, ProtocolDeserializer, ProtocolSerializer


def send(stream, path):
    out = ProtocolSerializer(stream)
    out.serialize(ConfigFile("closer"))
    data = ismrmrd.Dataset(path, mode="r")
    xml = data.read_xml_header()
    out._write_message_id(ISMRMRDMessageID.HEADER)  # as it is: the package would rewrite it
    out._serialize_text(xml if isinstance(xml, str) else xml.decode())
    out.serialize("a text for the log")
    out.serialize(ismrmrd.Waveform.from_array(np.zeros((2, 7), np.uint32)))
    for i in range(data.number_of_acquisitions()):
        out.serialize(data.read_acquisition(i))
    data.close()
    out.close()


with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s, s.makefile("rwb") as stream:
    send(stream, sys.argv[2])
    answers = list(ProtocolDeserializer(stream).deserialize())
images = sorted((a for a in answers if isinstance(a, ismrmrd.Image)), key=lambda a: a.image_index)
result = {
    "texts": [str(a) for a in answers if isinstance(a, str)],
    "images": [{"index": i.image_index, "slice": i.slice, "contrast": i.contrast, "repetition": i.repetition, "matrix": list(i.matrix_size), "fov": list(i.field_of_view),
                "position": list(i.position), "read": list(i.read_dir), "phase": list(i.phase_dir), "across": list(i.slice_dir),
                "type": [i.image_type, i.data_type], "meta": dict(ismrmrd.Meta.deserialize(i.attribute_string))} for i in images],
}
if len(sys.argv) > 3:
    want = h5py.File(sys.argv[3])["reconstruction"][()]
    got = np.array([i.data[0, 0].T for i in images], float)
    got *= (got * want).sum() / (got**2).sum()
    result["difference"] = float(abs(got - want).max() / want.max())
print(json.dumps(result))
