#pragma once
// What an unpaid invoice is expected to bring, and when.

namespace tailcube {

// Of one unit of face value. Dilution (credit notes, returns, rebates: what the debtor deducts) is Beta with this mean and
// standard deviation, the delay after the due date Gamma; constant where the deviation is 0.
struct InvoiceTerms {
  double due_years;
  double advance_rate;   // what the holder is owed, as a share of the face
  double discount_rate;  // continuous, per year
  double dilution, dilution_sd;
  double delay_years, delay_sd_years;
  double recourse;                 // share of what is missing that the seller makes good
  double fraud_rate, fraud_share;  // of the pool's shock per year; of the invoices it hits
};

class InvoiceLaw {
 public:
  // The mean loss given default of the debtor.
  InvoiceLaw(const InvoiceTerms&, double loss_given_default);

  // Shape parameters; where the deviation is 0 they are 0.
  struct Shapes {
    double beta_a, beta_b, gamma_shape, gamma_scale_years;
  };
  const Shapes& shapes() const { return shapes_; }

  // Seen `now` years from today, given that it is unpaid: the mean time to the payment and E exp(-discount_rate x time).
  struct Wait {
    double years, discount;
  };
  Wait wait(double now) const;
  // E min((1 - loss) (1 - D), advance_rate), D the dilution.
  double expected_share(double loss) const;
  // Its value `now` years from today, given that it is unpaid and nobody has defaulted: by the probabilities that the debtor
  // and the seller default within wait(now).years, without fraud.
  double value(const Wait&, double debtor_pd, double seller_pd) const;
  // 1 - the probability that the pool's shock comes within wait(now).years and hits it.
  double honest(const Wait&) const;

 private:
  InvoiceTerms terms_;
  Shapes shapes_;
  double paid_, defaulted_;  // expected shares of the face
};

}  // namespace tailcube
