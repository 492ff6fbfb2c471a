"""JAX as one would write it down: `jacrev` through a `lax.scan`, `vmap` over runs; compiled."""

from peers.jax_hand import JaxHand
from peers.jax_ledger import marginal_by_jacrev, retrained_by_vmap


class JaxAutodiff(JaxHand):
    def marginal_sweep(self, _):
        return self.ledger(marginal_by_jacrev)

    def bulk_retraining(self, _):
        return self.ledger(retrained_by_vmap, self.arrays.retraining_weights)
