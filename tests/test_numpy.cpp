// Files exchanged with NumPy. Where there is no Python with NumPy these tests say so and check
// nothing.
#include <cstdlib>
#include <string>
#include <vector>

#include "colonnade/npy.hpp"
#include "colonnade/safetensors.hpp"
#include "files.hpp"
#include "harness.hpp"

using colonnade::Index;
using colonnade::read_npy;
using colonnade::Scalar;
using colonnade::Tensor;
using colonnade::TensorSlice;
using harness::temporary_folder;
using harness::write_file;

namespace fs = std::filesystem;

namespace {

const std::string& python_with_numpy() {
  static const std::string found = [] {
    for (const char* const python : {"python3", "/usr/bin/python3"})
      if (std::system((std::string(python) + " -c 'import numpy' 2>/dev/null").c_str()) == 0)
        return std::string(python);
    return std::string();
  }();
  return found;
}

/// Runs a program in Python with a folder as its argument; true if it ended well.
bool run_python(const fs::path& folder, const std::string& program) {
  write_file(folder / "program.py", program);
  const std::string folder_text = folder.string();
  const std::string command =
      python_with_numpy() + " '" + folder_text + "/program.py' '" + folder_text + "' >&2";
  return std::system(command.c_str()) == 0;
}

bool numpy_is_missing() {
  if (!python_with_numpy().empty()) return false;
  MESSAGE("python3 has no numpy: the exchange of files with it was not tested");
  return true;
}

/// Element (i, j) of [3, 5] is i + j / 8.
bool is_test_matrix(const Tensor& tensor) {
  bool right = tensor.rows() == 3 && tensor.cols() == 5;
  for (Index j = 0; right && j < 5; ++j)
    for (Index i = 0; i < 3; ++i)
      right = right && tensor(i, j) == static_cast<Scalar>(i) + static_cast<Scalar>(j) / 8;
  return right;
}

Tensor test_matrix() {
  Tensor tensor(3, 5);
  for (Index j = 0; j < 5; ++j)
    for (Index i = 0; i < 3; ++i)
      tensor(i, j) = static_cast<Scalar>(i) + static_cast<Scalar>(j) / 8;
  return tensor;
}

// What the format says, in as few lines as it takes; no library of it is needed.
constexpr const char* python_safetensors = R"(
import json, struct, sys
import numpy as np
folder = sys.argv[1]
types = {'F32': '<f4', 'F64': '<f8'}

def save(path, tensors):
    header, data = {'__metadata__': {'format': 'np'}}, b''
    for name, a in tensors.items():
        begin, data = len(data), data + a.tobytes()
        header[name] = {'dtype': 'F32' if a.itemsize == 4 else 'F64', 'shape': list(a.shape),
                        'data_offsets': [begin, len(data)]}
    text = json.dumps(header).encode()
    open(path, 'wb').write(struct.pack('<Q', len(text)) + text + data)

def load(path):
    blob = open(path, 'rb').read()
    size = struct.unpack('<Q', blob[:8])[0]
    header, data = json.loads(blob[8:8 + size]), blob[8 + size:]
    return {name: np.frombuffer(data[slice(*t['data_offsets'])], types[t['dtype']]).reshape(t['shape'])
            for name, t in header.items() if name != '__metadata__'}
)";

}  // namespace

TEST_CASE("NPY files of NumPy are read") {
  if (numpy_is_missing()) return;
  const fs::path folder = temporary_folder();
  REQUIRE(run_python(folder, R"(
import sys
import numpy as np
a = np.arange(3)[:, None] + np.arange(5) / 8
for order in 'C', 'F':
    for bits in '32', '64':
        array = np.array(a, dtype='float' + bits, order=order)
        np.save(sys.argv[1] + '/' + order + bits + '.npy', array)
        for version in (1, 0), (2, 0), (3, 0):
            with open(sys.argv[1] + '/' + order + bits + '_%d.npy' % version[0], 'wb') as file:
                np.lib.format.write_array(file, array, version=version)
np.save(sys.argv[1] + '/column.npy', a[:, 0])
np.save(sys.argv[1] + '/big_endian.npy', a.astype('>f4'))
np.save(sys.argv[1] + '/object.npy', np.array([[None]]), allow_pickle=True)
)"));
  for (const std::string kind : {"C32", "C64", "F32", "F64"})
    for (const std::string version : {"", "_1", "_2", "_3"})
      CHECK_MESSAGE(is_test_matrix(read_npy((folder / (kind + version + ".npy")).string())),
                    kind << version);
  const Tensor column = read_npy((folder / "column.npy").string());
  CHECK(column.rows() == 3);
  CHECK(column.cols() == 1);
  CHECK(column(2, 0) == 2);
  for (const char* const name : {"big_endian.npy", "object.npy"})
    CHECK(harness::error_of([&] { read_npy((folder / name).string()); }) != "");
}

TEST_CASE("NPY files for NumPy are what it expects") {
  if (numpy_is_missing()) return;
  const fs::path folder = temporary_folder();
  colonnade::write_npy((folder / "a.npy").string(), test_matrix());
  CHECK(run_python(folder, R"(
import sys
import numpy as np
a = np.load(sys.argv[1] + '/a.npy')
assert a.dtype == np.dtype('<f)" +
                               std::to_string(sizeof(Scalar)) + R"(') and a.flags.f_contiguous
assert np.array_equal(a, np.arange(3)[:, None] + np.arange(5) / 8), a
)"));
}

TEST_CASE("safetensors files go to Python and come back") {
  if (numpy_is_missing()) return;
  const fs::path folder = temporary_folder();
  colonnade::ProcessGroup alone = colonnade::ProcessGroup::self();
  // A weight [in, out] = [3, 5] here is [out, in] = [5, 3] there.
  Tensor weight = test_matrix();
  Scalar scale = 2.5;
  std::vector<TensorSlice> slices = {{"layers.0.weight", {5, 3}, {{0, 5}, {0, 3}}, weight.data()},
                                     {"scale", {}, {}, &scale}};
  save_safetensors(alone, (folder / "ours").string(), slices, {{"note", "a \"quote\""}});
  REQUIRE(run_python(folder, std::string(python_safetensors) + R"(
tensors = load(folder + '/ours')
assert list(tensors) == ['layers.0.weight', 'scale'], tensors
expected = np.arange(3) + np.arange(5)[:, None] / 8
assert np.array_equal(tensors['layers.0.weight'], expected), tensors
assert tensors['scale'] == 2.5 and tensors['scale'].shape == ()
save(folder + '/theirs', {'scale': np.array(-2.5, '<f8'), 'layers.0.weight': expected.astype('<f4')})
)"));
  weight.set_zero();
  load_safetensors(alone, (folder / "theirs").string(), slices);
  CHECK(is_test_matrix(weight));
  CHECK(scale == Scalar{-2.5});
}
