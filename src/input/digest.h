#pragma once
// SHA-256, and the identity of a job.
#include <string>
#include <string_view>

namespace tailcube {

std::string sha256(std::string_view bytes);  // 64 hexadecimal digits

}  // namespace tailcube
