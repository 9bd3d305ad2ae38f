#pragma once
// What positions refer to in the book itself: prices that other positions publish, pools, and accounts that they share.
// Cells are noted while tables are read, and looked up once all of them are.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/publishing.h"
#include "src/input/node_tree.h"
#include "src/input/position_rows.h"
#include "src/input/reading.h"

namespace tailcube {

class ChainReader {
 public:
  explicit ChainReader(Reading& reading) : reading_(reading) {}

  // A cell of row `row` of the `table`th table: the id of a position with a price, the path of a pool, or an account.
  struct Cell {
    std::size_t table, column, row;
    std::string_view text;
    RowSource source;
    bool foreign = false;  // the position is in another currency than the job's
  };
  void want_price(const Cell& cell) { prices_.push_back(cell); }
  void want_pool(const Cell& cell) { pools_.push_back(cell); }
  void want_account(const Cell& cell) { accounts_.push_back(cell); }
  // A position that publishes its price.
  void offer(std::size_t table, std::size_t row, std::string_view id, RowSource);

  // The nodes of cube.outside.
  std::vector<std::string> outside() const;
  // Before the tables are sorted: sets their references and PositionRows::published.
  void look_up(std::vector<PositionRows>&, const NodeTree&);
  std::uint32_t rows() const { return rows_; }  // that the book publishes
  // Once they are sorted, if all is well so far: Job::chain, and what is outside leaves the job's tables. `tables`: what
  // they were sorted from.
  void link(const std::vector<PositionRows>& tables, const NodeTree&);

 private:
  void complain(const Cell&, const PositionRows&, std::string text);
  void complain(const RowSource&, std::string_view column, std::string text);
  void check_account(const PositionRows&, const PositionTable& sharing, const std::vector<std::uint32_t>& places);
  void take_outside(const std::vector<const PositionRows*>&, const NodeTree&);
  FactorIndex row_of_pool(std::size_t pool) const {
    return FactorIndex{first_ + static_cast<std::uint32_t>(pool) * pool_rows};
  }
  FactorIndex row_of_account(std::size_t account) const {
    return FactorIndex{static_cast<std::uint32_t>(row_of_pool(paths_.size())) +
                       static_cast<std::uint32_t>(account) * price_rows};
  }

  Reading& reading_;
  std::vector<Cell> prices_, pools_, accounts_;
  NameIndex offered_;
  struct Offer {
    std::size_t table, row;
    RowSource source;
  };
  std::vector<Offer> offers_;
  struct Account {
    std::string_view instrument;
    std::size_t column;
    std::string name;
    auto operator<=>(const Account&) const = default;
  };
  std::vector<std::string> paths_;  // of the pools that are referred to, sorted
  std::vector<Account> shared_;     // sorted
  std::uint32_t first_ = 0, rows_ = 0;
};

// Sorts pools, accounts and prices so that each refers to earlier ones only. Where some refer to each other in a ring,
// returns it in words, and the position to blame, instead.
struct ChainGraph {
  struct Node {
    std::string name;
    struct Edge {
      std::size_t to;
      std::string by;  // the position of a pool or account that refers to it; empty: the node itself
    };
    std::vector<Edge> edges;
  };
  std::vector<Node> nodes;
  struct Ring {
    std::string text;
    std::string position;  // the first node of it that is one, else the first that a pool or account refers by
  };
  std::size_t no_positions = 0;  // pools and accounts come first
  std::vector<std::size_t> order;
  std::vector<Ring> rings;
  void sort();
};

}  // namespace tailcube
