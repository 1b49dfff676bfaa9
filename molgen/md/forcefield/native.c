/* Energies and forces of a molecular force field, sixteen replicas side by side.

   The terms are those of terms.py and gbsa.py, which say where each is from; here every unordered
   pair is met once and stays in the cache. float32, units nm, kJ/mol. Loops over `l` run over the
   replicas of a block and become vector instructions: functions in them have no branches. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define W 16
#define EACH _Pragma("omp simd") for (int l = 0; l < W; ++l)
#define TINY 1e-14f
#define PI 3.14159265358979f

typedef float Lanes[W];

/* Sizes and parameters; names and shapes as in Bonded, Nonbonded and GBSA. */
typedef struct {
  int32_t atoms, bonds, angles, torsions, order, solvent, engulfed;
  const int32_t *ends; /* [2, rows] */
  const float *bond, *angle, *torsion;
  const float *coulomb, *repulsion, *dispersion;
  const float *charge_products, *radius, *rho, *descreening, *surface, *shape;
} Terms;

enum { BONDS, ANGLES, TORSIONS, NONBONDED, SOLVENT, KINDS };

/* Natural logarithm, positive finite x (Cephes logf, error 1e-7). */
static inline float logarithm(float x) {
  int32_t bits;
  memcpy(&bits, &x, 4);
  float e = (float)(((bits >> 23) & 255) - 126);
  bits = (bits & 0x007fffff) | 0x3f000000;
  float m;
  memcpy(&m, &bits, 4);
  int low = m < 0.70710678f;
  e = low ? e - 1 : e;
  m = low ? m + m - 1 : m - 1;
  float z = m * m;
  float y = 7.0376836292e-2f;
  y = y * m - 1.1514610310e-1f;
  y = y * m + 1.1676998740e-1f;
  y = y * m - 1.2420140846e-1f;
  y = y * m + 1.4249322787e-1f;
  y = y * m - 1.6668057665e-1f;
  y = y * m + 2.0000714765e-1f;
  y = y * m - 2.4999993993e-1f;
  y = y * m + 3.3333331174e-1f;
  y = y * m * z - 2.12194440e-4f * e - 0.5f * z;
  return m + y + 0.693359375f * e;
}

/* Exponential, |x| < 87 or clamped there (Cephes expf, error 1e-7). */
static inline float exponential(float x) {
  x = x < -87 ? -87 : x;
  x = x > 87 ? 87 : x;
  float n = floorf(x * 1.44269504f + 0.5f);
  x = x - n * 0.693359375f + n * 2.12194440e-4f;
  float y = 1.9875691500e-4f;
  y = y * x + 1.3981999507e-3f;
  y = y * x + 8.3334519073e-3f;
  y = y * x + 4.1665795894e-2f;
  y = y * x + 1.6666665459e-1f;
  y = y * x + 5.0000001201e-1f;
  y = y * x * x + x + 1;
  int32_t bits = ((int32_t)n + 127) << 23;
  float power;
  memcpy(&power, &bits, 4);
  return y * power;
}

/* Angle in [0, pi] of a vector with sine >= 0 (Cephes atanf, error 1e-7). */
static inline float polar_angle(float sine, float cosine) {
  float c = fabsf(cosine);
  float low = sine < c ? sine : c, high = sine < c ? c : sine;
  float t = low / high;
  int far = t > 0.414213562f;
  float y = far ? 0.25f * PI : 0;
  t = far ? (t - 1) / (t + 1) : t;
  float z = t * t;
  float p = 8.05374449538e-2f;
  p = p * z - 1.38776856032e-1f;
  p = p * z + 1.99777106478e-1f;
  p = p * z - 3.33329491539e-1f;
  y += p * z * t + t;
  y = sine < c ? y : 0.5f * PI - y;
  return cosine < 0 ? PI - y : y;
}

/* The integral of an atom of radius rho descreened by one of radius s, and its slope over r. */
static inline void descreen(float r, float r_inverse, float rho, float s, int engulfed,
                            float *integral, float *slope) {
  float apart = fabsf(r - s), far = r + s, deep = s - r;
  float L = rho > apart ? rho : apart, U = rho > far ? rho : far, depth = rho > deep ? rho : deep;
  float LU = L * U, inverse = 1 / (LU * depth);
  float inverse_LU = inverse * depth, inverse_depth = inverse * LU;
  float inverse_L = inverse_LU * U, inverse_U = inverse_LU * L;
  float log_term = 0.25f * r_inverse * logarithm(L * inverse_U);
  float squares = 0.125f * (inverse_U - inverse_L) * (inverse_U + inverse_L);
  float ratio = s * r_inverse;
  ratio *= ratio;
  float value = 0.5f * (inverse_L - inverse_U) + log_term + r * (1 - ratio) * squares;
  float steep = (1 + ratio) * squares - r_inverse * log_term;
  float inside = deep > rho ? inverse_depth * inverse_depth : 0;
  *integral = engulfed ? value + 1 / rho - inverse_depth : value;
  *slope = (engulfed ? steep : steep + inside) * r_inverse;
}

typedef struct {
  Lanes *x[3], *f[3];                               /* [atoms] */
  Lanes *integral, *B, *B_inverse, *B_slope, *dE_dI; /* [atoms] */
  Lanes *r_square, *pull, *slope_ij, *slope_ji;     /* [pairs] */
  Lanes energy[KINDS];
} Block;

/* v = x[j] - x[i]. */
static inline void difference(const Block *b, int i, int j, Lanes v[3]) {
  for (int c = 0; c < 3; ++c) EACH v[c][l] = b->x[c][j][l] - b->x[c][i][l];
}

static void bond_terms(const Terms *t, Block *b) {
  const int rows = t->bonds + 2 * t->angles + 3 * t->torsions;
  for (int k = 0; k < t->bonds; ++k) {
    const int i = t->ends[k], j = t->ends[rows + k];
    const float r0 = t->bond[2 * k], stiffness = t->bond[2 * k + 1];
    Lanes u[3];
    difference(b, i, j, u);
    EACH {
      float r = sqrtf(u[0][l] * u[0][l] + u[1][l] * u[1][l] + u[2][l] * u[2][l]);
      float stretch = r - r0, slope = stiffness * stretch, p = slope / r;
      b->energy[BONDS][l] += 0.5f * slope * stretch;
      for (int c = 0; c < 3; ++c) {
        b->f[c][i][l] += p * u[c][l];
        b->f[c][j][l] -= p * u[c][l];
      }
    }
  }
}

static void angle_terms(const Terms *t, Block *b) {
  const int rows = t->bonds + 2 * t->angles + 3 * t->torsions, first = t->bonds;
  for (int k = 0; k < t->angles; ++k) {
    const int centre = t->ends[first + k], i = t->ends[rows + first + k];
    const int j = t->ends[rows + first + t->angles + k];
    const float rest = t->angle[2 * k], stiffness = t->angle[2 * k + 1];
    Lanes u[3], v[3];
    difference(b, centre, i, u);
    difference(b, centre, j, v);
    EACH {
      float ux = u[0][l], uy = u[1][l], uz = u[2][l], vx = v[0][l], vy = v[1][l], vz = v[2][l];
      float wx = uy * vz - uz * vy, wy = uz * vx - ux * vz, wz = ux * vy - uy * vx;
      float ww = wx * wx + wy * wy + wz * wz, uv = ux * vx + uy * vy + uz * vz;
      float sine = sqrtf(ww > TINY ? ww : TINY);
      float bend = polar_angle(sine, uv) - rest, slope = stiffness * bend, p = slope / sine;
      float a = p * uv / (ux * ux + uy * uy + uz * uz), d = p * uv / (vx * vx + vy * vy + vz * vz);
      b->energy[ANGLES][l] += 0.5f * slope * bend;
      for (int c = 0; c < 3; ++c) {
        float du = a * u[c][l] - p * v[c][l], dv = d * v[c][l] - p * u[c][l];
        b->f[c][i][l] -= du;
        b->f[c][j][l] -= dv;
        b->f[c][centre][l] += du + dv;
      }
    }
  }
}

static void torsion_terms(const Terms *t, Block *b) {
  const int rows = t->bonds + 2 * t->angles + 3 * t->torsions, count = t->torsions;
  const int first = t->bonds + 2 * t->angles;
  for (int k = 0; k < count; ++k) {
    const int *from = t->ends + first + k, *to = from + rows;
    const int atom[4] = {from[0], to[0], to[count], to[2 * count]};
    const float *A = t->torsion + 2 * k * (t->order + 1), *S = A + t->order + 1;
    Lanes p[3], q[3], s[3], cosine, sine, slope, energy, cos_m, sin_m, g1[3], g3[3], along1, along3;
    difference(b, atom[0], atom[1], p);
    difference(b, atom[1], atom[2], q);
    difference(b, atom[2], atom[3], s);
    EACH {
      float px = p[0][l], py = p[1][l], pz = p[2][l], qx = q[0][l], qy = q[1][l], qz = q[2][l];
      float sx = s[0][l], sy = s[1][l], sz = s[2][l];
      float mx = py * qz - pz * qy, my = pz * qx - px * qz, mz = px * qy - py * qx;
      float kx = qy * sz - qz * sy, ky = qz * sx - qx * sz, kz = qx * sy - qy * sx;
      float mm = mx * mx + my * my + mz * mz, kk = kx * kx + ky * ky + kz * kz;
      float qq = qx * qx + qy * qy + qz * qz, length = sqrtf(qq);
      mm = mm > TINY ? mm : TINY;
      kk = kk > TINY ? kk : TINY;
      float norm = 1 / sqrtf(mm * kk), a = length / mm, d = length / kk;
      cosine[l] = (mx * kx + my * ky + mz * kz) * norm;
      sine[l] = length * (px * kx + py * ky + pz * kz) * norm;
      g1[0][l] = a * mx, g1[1][l] = a * my, g1[2][l] = a * mz;
      g3[0][l] = d * kx, g3[1][l] = d * ky, g3[2][l] = d * kz;
      along1[l] = (px * qx + py * qy + pz * qz) / qq;
      along3[l] = (sx * qx + sy * qy + sz * qz) / qq;
      cos_m[l] = 1, sin_m[l] = 0, energy[l] = A[0], slope[l] = 0;
    }
    for (int m = 1; m <= t->order; ++m) EACH {
        float c = cos_m[l] * cosine[l] - sin_m[l] * sine[l];
        sin_m[l] = sin_m[l] * cosine[l] + cos_m[l] * sine[l];
        cos_m[l] = c;
        energy[l] += A[m] * c + S[m] * sin_m[l];
        slope[l] += m * (S[m] * c - A[m] * sin_m[l]);
      }
    EACH b->energy[TORSIONS][l] += energy[l];
    for (int c = 0; c < 3; ++c) EACH {
        float d1 = slope[l] * g1[c][l], d3 = slope[l] * g3[c][l];
        float d2 = -along1[l] * d1 - along3[l] * d3;
        b->f[c][atom[0]][l] += d1;
        b->f[c][atom[1]][l] += d2 - d1;
        b->f[c][atom[2]][l] += d3 - d2;
        b->f[c][atom[3]][l] -= d3;
      }
  }
}

/* Coulomb, Lennard-Jones and the descreening of every pair. */
static void pair_terms(const Terms *t, Block *b) {
  const int N = t->atoms;
  for (int i = 0, pair = 0; i < N; ++i)
    for (int j = i + 1; j < N; ++j, ++pair) {
      const int ij = i * N + j, ji = j * N + i;
      const float coulomb = t->coulomb[ij], repulsion = t->repulsion[ij];
      const float dispersion = t->dispersion[ij];
      float *r_square = b->r_square[pair], *pull = b->pull[pair];
      Lanes r_inverse;
      EACH {
        float x = b->x[0][i][l] - b->x[0][j][l], y = b->x[1][i][l] - b->x[1][j][l];
        float z = b->x[2][i][l] - b->x[2][j][l], square = x * x + y * y + z * z;
        r_square[l] = square;
        float inverse = 1 / sqrtf(square), i2 = inverse * inverse, i6 = i2 * i2 * i2;
        r_inverse[l] = inverse;
        float c = coulomb * inverse, p = repulsion * i6 * i6, d = dispersion * i6;
        b->energy[NONBONDED][l] += c + p - d;
        pull[l] = (c + 12 * p - 6 * d) * i2;
      }
      if (!t->solvent) continue;
      const float s_j = t->descreening[ij], s_i = t->descreening[ji];
      float *slope_ij = b->slope_ij[pair], *slope_ji = b->slope_ji[pair];
      EACH {
        float inverse = r_inverse[l], r = r_square[l] * inverse, value;
        descreen(r, inverse, t->rho[i], s_j, t->engulfed, &value, &slope_ij[l]);
        b->integral[i][l] += value;
        descreen(r, inverse, t->rho[j], s_i, t->engulfed, &value, &slope_ji[l]);
        b->integral[j][l] += value;
      }
    }
}

/* Born radii, and the part of each atom alone in energy and dE/dB. */
static void born_terms(const Terms *t, Block *b) {
  const float alpha = t->shape[0], beta = t->shape[1], gamma = t->shape[2];
  for (int i = 0; i < t->atoms; ++i) {
    const float rho = t->rho[i], radius = t->radius[i], surface = t->surface[i];
    const float self = t->charge_products[i * t->atoms + i];
    EACH {
      float psi = b->integral[i][l] * rho;
      float e = exponential(2 * psi * (alpha + psi * (-beta + psi * gamma)));
      float tanh = 1 - 2 / (e + 1);
      float B = 1 / (1 / rho - tanh / radius), inverse = 1 / B;
      float slope = (1 - tanh * tanh) * (alpha + psi * (-2 * beta + psi * 3 * gamma));
      float sixth = radius * inverse;
      sixth *= sixth * sixth;
      sixth *= sixth * surface;
      b->B[i][l] = B;
      b->B_inverse[i][l] = inverse;
      b->B_slope[i][l] = B * B * slope * rho / radius;
      b->dE_dI[i][l] = -(0.5f * self * inverse + 6 * sixth) * inverse;
      b->energy[SOLVENT][l] += 0.5f * self * inverse + sixth;
    }
  }
}

static void solvent_terms(const Terms *t, Block *b) {
  const int N = t->atoms;
  born_terms(t, b);
  for (int i = 0, pair = 0; i < N; ++i)
    for (int j = i + 1; j < N; ++j, ++pair) {
      const float charges = t->charge_products[i * N + j];
      float *r_square = b->r_square[pair], *pull = b->pull[pair];
      EACH {
        float quarter = 0.25f * r_square[l], B_i = b->B[i][l], B_j = b->B[j][l];
        float damping = exponential(-quarter * b->B_inverse[i][l] * b->B_inverse[j][l]);
        float f_inverse = 1 / sqrtf(r_square[l] + B_i * B_j * damping);
        float energy = charges * f_inverse, p = energy * f_inverse * f_inverse;
        float damped = p * damping;
        b->energy[SOLVENT][l] += energy;
        b->dE_dI[i][l] -= 0.5f * damped * (B_j + quarter * b->B_inverse[i][l]);
        b->dE_dI[j][l] -= 0.5f * damped * (B_i + quarter * b->B_inverse[j][l]);
        pull[l] += p - 0.25f * damped;
      }
    }
  for (int i = 0; i < N; ++i) EACH b->dE_dI[i][l] *= b->B_slope[i][l];
  for (int i = 0, pair = 0; i < N; ++i)
    for (int j = i + 1; j < N; ++j, ++pair) EACH
        b->pull[pair][l] -=
            b->dE_dI[i][l] * b->slope_ij[pair][l] + b->dE_dI[j][l] * b->slope_ji[pair][l];
}

static void add_pulls(const Terms *t, Block *b) {
  for (int i = 0, pair = 0; i < t->atoms; ++i)
    for (int j = i + 1; j < t->atoms; ++j, ++pair)
      for (int c = 0; c < 3; ++c) EACH {
          float pulled = b->pull[pair][l] * (b->x[c][i][l] - b->x[c][j][l]);
          b->f[c][i][l] += pulled;
          b->f[c][j][l] -= pulled;
        }
}

/* Replicas first to last - 1 of x and forces [3, atoms, n], energies [KINDS, n]; 1 without memory. */
int molgen_evaluate(const Terms *t, int64_t n, int64_t first, int64_t last, const float *x,
                    float *energies, float *forces) {
  const size_t N = t->atoms, pairs = N * (N - 1) / 2;
  Lanes *memory = NULL;
  if (posix_memalign((void **)&memory, 64, (11 * N + 4 * pairs) * sizeof(Lanes))) return 1;
  Block b;
  Lanes *next = memory;
  for (int c = 0; c < 3; ++c) b.x[c] = next, next += N;
  for (int c = 0; c < 3; ++c) b.f[c] = next, next += N;
  b.integral = next, b.B = next + N, b.B_inverse = next + 2 * N;
  b.B_slope = next + 3 * N, b.dE_dI = next + 4 * N, next += 5 * N;
  b.r_square = next, b.pull = next + pairs;
  b.slope_ij = next + 2 * pairs, b.slope_ji = next + 3 * pairs;
  for (int64_t begin = first; begin < last; begin += W) {
    const int here = last - begin < W ? (int)(last - begin) : W;
    for (int c = 0; c < 3; ++c)
      for (size_t i = 0; i < N; ++i)
        for (int l = 0; l < W; ++l) /* the last replica once more where there are too few */
          b.x[c][i][l] = x[(c * N + i) * n + begin + (l < here ? l : here - 1)];
    memset(b.f[0], 0, 4 * N * sizeof(Lanes)); /* the forces, and the integrals after them */
    memset(b.energy, 0, sizeof b.energy);
    bond_terms(t, &b);
    angle_terms(t, &b);
    torsion_terms(t, &b);
    pair_terms(t, &b);
    if (t->solvent) solvent_terms(t, &b);
    add_pulls(t, &b);
    for (int c = 0; c < 3; ++c)
      for (size_t i = 0; i < N; ++i)
        memcpy(forces + (c * N + i) * n + begin, b.f[c][i], here * sizeof(float));
    for (int k = 0; k < KINDS; ++k)
      memcpy(energies + k * n + begin, b.energy[k], here * sizeof(float));
  }
  free(memory);
  return 0;
}
