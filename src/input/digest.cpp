#include "src/input/digest.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace tailcube {

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL cannot compute SHA-256");
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[hash[i] >> 4];
    out += digits[hash[i] & 15];
  }
  return out;
}

}  // namespace tailcube
