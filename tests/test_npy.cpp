#include "colonnade/npy.hpp"

#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "files.hpp"
#include "harness.hpp"

using colonnade::ConstMatrixView;
using colonnade::Index;
using colonnade::read_npy;
using colonnade::read_npy_transposed;
using colonnade::Scalar;
using colonnade::Tensor;
using colonnade::write_npy;
using harness::error_of;
using harness::lacking;
using harness::source_of;
using namespace std::string_literals;

namespace {

std::string npy(const std::string& dictionary, const std::string& data, int version = 1) {
  std::string text = "\x93NUMPY"s + static_cast<char>(version) + '\0';
  text += static_cast<char>(dictionary.size() % 256);
  text += static_cast<char>(dictionary.size() / 256);
  if (version > 1) text += "\0\0"s;
  return text + dictionary + data;
}

template <class Stored>
std::string bytes_of(const std::vector<Stored>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Stored)};
}

std::string dictionary(const std::string& type, const std::string& order,
                       const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

std::string error_of_npy(const std::string& bytes) {
  return error_of([&] { read_npy(source_of(bytes)); });
}

/// What reading 6 floats under this dictionary says.
std::string error_of_header(const std::string& dictionary) {
  return error_of_npy(npy(dictionary, std::string(24, '\0')));
}

bool same(const Tensor& tensor, Index rows, Index cols, const std::vector<Scalar>& by_columns) {
  return tensor.rows() == rows && tensor.cols() == cols &&
         std::vector<Scalar>(tensor.data(), tensor.data() + tensor.size()) == by_columns;
}

/// A [rows, cols] matrix, element (i, j) = 1000 i + j, in a file of either type and order.
template <class Stored>
std::string large_file(Index rows, Index cols, bool fortran_order) {
  std::vector<Stored> numbers;
  const Index lines = fortran_order ? cols : rows;
  for (Index line = 0; line < lines; ++line)
    for (Index k = 0; k < rows * cols / lines; ++k)
      numbers.push_back(static_cast<Stored>(fortran_order ? 1000 * k + line : 1000 * line + k));
  return npy(dictionary(sizeof(Stored) == 4 ? "<f4" : "<f8", fortran_order ? "True" : "False",
                        "(" + std::to_string(rows) + ", " + std::to_string(cols) + ")"),
             bytes_of(numbers));
}

}  // namespace

TEST_CASE("both orders, both types and all versions of NPY are read") {
  const std::string by_rows = bytes_of<float>({1, 2, 3, 4, 5, 6});
  const std::string by_columns = bytes_of<double>({1, 4, 2, 5, 3, 6});
  const std::vector<Scalar> wanted = {1, 4, 2, 5, 3, 6};
  const std::vector<Scalar> turned = {1, 2, 3, 4, 5, 6};
  for (const int version : {1, 2, 3}) {
    const std::string c = npy(dictionary("<f4", "False", "(2, 3)"), by_rows, version);
    CHECK(same(read_npy(source_of(c)), 2, 3, wanted));
    CHECK(same(read_npy_transposed(source_of(c)), 3, 2, turned));
    const std::string fortran = npy(dictionary("<f8", "True", "(2, 3)"), by_columns, version);
    CHECK(same(read_npy(source_of(fortran)), 2, 3, wanted));
    CHECK(same(read_npy_transposed(source_of(fortran)), 3, 2, turned));
  }
}

TEST_CASE("an array with one dimension is a column") {
  const std::string file =
      npy(dictionary("<f4", "False", "(6,)"), bytes_of<float>({1, 2, 3, 4, 5, 6}));
  CHECK(same(read_npy(source_of(file)), 6, 1, {1, 2, 3, 4, 5, 6}));
  CHECK(same(read_npy_transposed(source_of(file)), 1, 6, {1, 2, 3, 4, 5, 6}));
}

TEST_CASE("matrices larger than a tile are read right in every order") {
  // Sizes around those at which reading is cut into pieces, and none of them even.
  const std::pair<Index, Index> shapes[] = {{1, 40001}, {40001, 1}, {2051, 37}, {37, 2051}};
  for (const auto& [n, m] : shapes) {
    const Index rows = n;
    const Index cols = m;
    for (const bool fortran_order : {false, true}) {
      const std::string file = large_file<double>(rows, cols, fortran_order);
      const Tensor plain = read_npy(source_of(file));
      const Tensor turned = read_npy_transposed(source_of(file));
      bool right = plain.rows() == rows && plain.cols() == cols;
      for (Index j = 0; j < cols; ++j)
        for (Index i = 0; i < rows; ++i) {
          const Scalar wanted = static_cast<Scalar>(1000 * i + j);
          right = right && plain(i, j) == wanted && turned(j, i) == wanted;
        }
      CHECK_MESSAGE(right, rows << " x " << cols << ", Fortran order " << fortran_order);
    }
  }
}

TEST_CASE("what write_npy writes, read_npy reads, and its bytes are NumPy's") {
  const auto path = harness::temporary_folder() / "out.npy";
  Tensor tensor(3, 2);
  for (Index i = 0; i < 6; ++i) tensor.data()[i] = static_cast<Scalar>(i) / 8;
  write_npy(path.string(), tensor);
  CHECK(same(read_npy(path.string()), 3, 2, {0, 0.125, 0.25, 0.375, 0.5, 0.625}));

  const std::string bytes = harness::read_file(path);
  CHECK(bytes.substr(0, 10) == "\x93NUMPY\x01\0v\0"s);
  CHECK(bytes.size() == 128 + 6 * sizeof(Scalar));
  CHECK(bytes[127] == '\n');

  write_npy(path.string(), ConstMatrixView{nullptr, 0, 4});
  CHECK(same(read_npy(path.string()), 0, 4, {}));
  CHECK(lacking(error_of([&] { write_npy(path.string() + "/x.npy", tensor); }),
                {"cannot write", "out.npy/x.npy"}) == "");
}

TEST_CASE("numbers that aren't finite are refused by row and column") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string c =
      npy(dictionary("<f4", "False", "(2, 3)"), bytes_of<float>({1, 2, 3, 4, 5, nan}));
  const std::string fortran =
      npy(dictionary("<f4", "True", "(2, 3)"), bytes_of<float>({1, 2, 3, -infinity, 5, 6}));
  for (const auto read : {+[](const std::string& file) { read_npy(source_of(file)); },
                          +[](const std::string& file) { read_npy_transposed(source_of(file)); }}) {
    CHECK(lacking(error_of([&] { read(c); }),
                  {"made-up at row 1, column 2", "wanted a finite", "found nan"}) == "");
    CHECK(lacking(error_of([&] { read(fortran); }),
                  {"made-up at row 1, column 1", "wanted a finite", "found -inf"}) == "");
  }
  const std::string large = npy(dictionary("<f8", "False", "(1, 2)"), bytes_of<double>({0, 1e300}));
  if (sizeof(Scalar) == sizeof(float)) {
    CHECK(lacking(error_of_npy(large), {"row 0, column 1", "a finite float", "1e+300"}) == "");
  } else {
    CHECK(same(read_npy(source_of(large)), 1, 2, {0, static_cast<Scalar>(1e300)}));
  }
}

TEST_CASE("another file, version or length is refused") {
  const std::string good = npy(dictionary("<f4", "False", "(2, 3)"), std::string(24, '\0'));
  CHECK(error_of_npy(good) == "");
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK(error_of_npy(good.substr(0, length)) != "");
  CHECK(lacking(error_of_npy("abc"), {"made-up is too short", "at least 12 bytes", "3"}) == "");
  CHECK(lacking(error_of_npy("PK\x03\x04 a zip file"), {"no NPY file", "found 'PK??", "save"}) ==
        "");
  CHECK(lacking(error_of_npy(npy("", "xxxx", 4)), {"version", "wanted 1.0", "found 4.0"}) == "");
  CHECK(lacking(error_of_npy(good.substr(0, good.size() - 1)),
                {"made-up is truncated", "wanted 2 x 3 numbers of 4 bytes", "found 23 bytes"}) ==
        "");
  CHECK(lacking(error_of_npy(good + "x"), {"made-up is too long", "found 25 bytes"}) == "");
  CHECK(lacking(error_of_npy("\x93NUMPY\x02\0\xff\xff\xff\xff{}"s),
                {"NPY header of made-up", "at most 2 bytes", "found 4294967295"}) == "");
  CHECK(lacking(error_of_npy("\x93NUMPY\x02\0\0\0\x10\0"s + std::string(1 << 20, ' ')),
                {"at most 65536 bytes", "found 1048576"}) == "");
}

TEST_CASE("other types and shapes are refused with advice") {
  const auto with_type = [](const std::string& type) {
    return error_of_header(dictionary(type, "False", "(2, 3)"));
  };
  for (const std::string type : {"<i4", "<f2", "|u1", "=f4", "f4", ""})
    CHECK(lacking(with_type(type),
                  {"made-up", "wanted '<f4' or '<f8'", "found '" + type + "'", "astype"}) == "");
  CHECK(lacking(with_type(">f8"), {"'>f8', big-endian", "astype"}) == "");
  CHECK(lacking(error_of_header("{'descr': [('a', '<f4')], 'fortran_order': False, "
                                "'shape': (6,)}"),
                {"structured"}) == "");

  const auto with_shape = [](const std::string& shape) {
    return error_of_header(dictionary("<f4", "False", shape));
  };
  CHECK(with_shape("(2, 3)") == "");
  CHECK(with_shape("(2, 3,)") == "");
  CHECK(with_shape("( 6 , )") == "");
  CHECK(lacking(with_shape("()"), {"wanted a shape [n, columns]", "found 0 dimensions"}) == "");
  CHECK(lacking(with_shape("(1, 2, 3)"), {"found 3 dimensions", "reshape"}) == "");
  for (const std::string shape : {"(6)", "6", "(2, -3)", "(,)", "(2 3)", "(2, 3", "[2, 3]", "(a,)"})
    CHECK_MESSAGE(with_shape(shape) != "", shape);
  CHECK(lacking(with_shape("(9223372036854775808, 1)"), {"below 2^63"}) == "");
  CHECK(lacking(with_shape("(4611686018427387904, 16)"), {"is truncated"}) == "");
  CHECK(lacking(with_shape("(4294967296, 4294967296)"), {"is truncated"}) == "");
}

TEST_CASE("a dictionary that is almost right is refused") {
  // T, O and S stand for the three entries that there should be.
  const auto error_of_form = [](std::string_view form) {
    std::string header;
    for (const char c : form) {
      if (c == 'T') {
        header += "'descr': '<f4'";
      } else if (c == 'O') {
        header += "'fortran_order': False";
      } else if (c == 'S') {
        header += "'shape': (2, 3)";
      } else {
        header += c;
      }
    }
    return error_of_header(header);
  };
  for (const char* const form :
       {"{T,O,S}", "{S, O, T, }  \n", " { T , O , S } ", "{\"descr\": \"<f4\",O,S}"})
    CHECK_MESSAGE(error_of_form(form).empty(), form);
  for (const char* const form :
       {"", "{}", "{T,O}", "{T,S}", "{O,S}", "{T,T,O,S}", "{T,O,S,'more': 1}", "{T,O,S} + {}",
        "{T,O,S", "T,O,S", "{T,'fortran_order': 0,S}", "{T,O,S,,}", "{,T,O,S}", "{T O,S}",
        "{'descr: '<f4',O,S}", "{'descr' '<f4',O,S}", "{'descr': <f4,O,S}"})
    CHECK_MESSAGE(lacking(error_of_form(form), {"NPY header of made-up", "wanted"}) == "", form);
}

TEST_CASE("no byte of an NPY header can do worse than an error") {
  const std::string good = npy(dictionary("<f4", "False", "(2, 3)"), std::string(24, '\0'));
  int refused = 0;
  for (std::size_t place = 0; place < good.size() - 24; ++place) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = good;
      changed[place] = static_cast<char>(value);
      if (!error_of_npy(changed).empty()) ++refused;
    }
  }
  CHECK(refused > 0);
}
