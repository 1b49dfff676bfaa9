r"""How likely a model finds a state, what a model's draws say of a known energy, and how surely.

The probability-flow ODE dx/dt = f - g^2/2 score carries every point of noise to one point of data,
so the density of what a score model draws by it is known exactly (Song et al. 2021, section 4.3):

    log q(x, t_min) = log prior(x_1) + int_{t_min}^1 div(f - g^2/2 score) dt

along the path, on any manifold and for all fields together (`density`). It is a density of *noised*
data: at t_min data carry noise of width s(t_min), and log q(x, t_min) is finite where the density
of clean data need not be. A draw is itself such a point. Of clean data, the expected log q of a
draw of q(x_t | x_0) at t_min is what a model can be judged by: its mean over data is at most minus
the entropy of the data noised to t_min. Categories at corners have no density there; what is known
of them is a bound (`bounds`).

Densities are by volume in the manifold's metric: of positions without their centre, of the entries
above the diagonal, of rotations with 8 pi^2 as the whole.
"""
