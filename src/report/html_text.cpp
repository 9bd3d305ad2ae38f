#include "src/report/html_text.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace tailcube::html {

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F)
      out += "\xEF\xBF\xBD";  // U+FFFD
    else
      out += c;
  }
  return out;
}

std::string breakable(std::string_view text) {
  std::string out;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t at = std::min(text.find_first_of(",/_", from), text.size() - 1) + 1;
    out += escaped(text.substr(from, at - from)) + (at < text.size() ? "<wbr>" : "");
    from = at;
  }
  return out;
}

std::string for_script(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string_view rest = json.substr(i, 3);
    if (json[i] == '<')
      out += "\\u003c";
    else if (json[i] == '>')
      out += "\\u003e";
    else if (json[i] == '&')
      out += "\\u0026";
    else if (rest == "\xE2\x80\xA8" || rest == "\xE2\x80\xA9")  // U+2028, U+2029
      out += rest == "\xE2\x80\xA8" ? "\\u2028" : "\\u2029", i += 2;
    else
      out += json[i];
  }
  return out;
}

std::string policy_hash(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL cannot compute SHA-256");
  std::array<unsigned char, std::size_t{2} * EVP_MAX_MD_SIZE> text{};
  const int length = EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(size));
  return "'sha256-" + std::string(text.begin(), text.begin() + length) + "'";
}

std::string element(std::string_view name, std::string_view attributes, std::string_view inner) {
  std::string out = "<" + std::string(name);
  if (!attributes.empty()) out += " " + std::string(attributes);
  return out + ">" + std::string(inner) + "</" + std::string(name) + ">";
}

std::string table(const Table& t) {
  std::string head, body;
  for (std::size_t i = 0; i < t.head.size(); ++i) {  // a column of text has its head on the left
    const bool text = !t.rows.empty() && i < t.rows[0].size() && t.rows[0][i].css == "text";
    head += std::string("<th scope=\"col\"") + (text ? " class=\"text\">" : ">") + escaped(t.head[i]);
  }
  for (const auto& row : t.rows) {
    body += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      body += i == 0 ? "<th scope=\"row\"" : "<td";
      if (!row[i].css.empty()) body += " class=\"" + row[i].css + "\"";
      body += ">" + row[i].inner;
    }
    body += "\n";
  }
  return "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"" + t.id + "-caption\"><table id=\"" +
         t.id + "\"><caption id=\"" + t.id + "-caption\"><span>" + escaped(t.caption) + "</span></caption><thead><tr>" +
         head + "</thead><tbody>\n" + body + "</tbody></table></div>\n";
}

}  // namespace tailcube::html
