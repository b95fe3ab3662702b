//! How long the filters of a chain take. Their histograms are looked up once, when a chain is put together.

use super::{Metrics, labels::OfFilter};
use filters::Meter;
use prometheus_client::metrics::histogram::Histogram;
use std::time::Duration;

/// One histogram for every filter of a chain, in its order.
#[derive(Debug)]
pub struct FilterMeter(Vec<Histogram>);

impl Meter for FilterMeter {
    fn took(&self, place: usize, time: Duration) {
        if let Some(histogram) = self.0.get(place) {
            histogram.observe(time.as_secs_f64());
        }
    }
}

impl Metrics {
    /// What times filters of those `names`, in that order.
    #[must_use]
    pub fn filters(&self, names: impl Iterator<Item = &'static str>) -> FilterMeter {
        FilterMeter(names.map(|filter| self.0.families.filter.get_or_create_owned(&OfFilter { filter })).collect())
    }
}
