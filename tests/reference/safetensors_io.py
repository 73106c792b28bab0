"""Writes safetensors files (float32 only) with sorted keys, so that equal content means equal bytes."""
import json
import struct


def write_safetensors(path, tensors):
    """tensors: {name: torch tensor}. Little-endian, row-major."""
    header, parts, offset = {}, [], 0
    for name in sorted(tensors):
        array = tensors[name].detach().numpy().astype('<f4')
        data = array.tobytes(order='C')
        header[name] = {'dtype': 'F32', 'shape': list(array.shape), 'data_offsets': [offset, offset + len(data)]}
        parts.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(',', ':')).encode()
    # The specification lets the header be padded with spaces; data then starts at a multiple of 8.
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(parts))
