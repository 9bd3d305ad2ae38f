// Elementary functions over vectors of doubles: all of kernels/math that other kernels use lane by lane.
//   Fma, Horner, EvenOdd, Exp, Log                                  elementary-inl.h
//   NormalCdf, NormalQuantile, NormalQuantileLanes, Uniform53       normal-inl.h
// Both have their own guards per instruction set, this file needs none.
#include "kernels/math/elementary-inl.h"
#include "kernels/math/normal-inl.h"
