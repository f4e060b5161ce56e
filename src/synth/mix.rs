//! The shares of the event types.

use std::str::FromStr;

use fastrand::Rng;

use crate::ses::EventType;

/// Event types and their weights, of which at least one is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix(Vec<(EventType, u32)>);

/// The resolution of weights, so that `bounce=0.125` is exact.
const PARTS: f64 = 1000.0;
/// The largest weight; the sum of ten such weights still fits.
const WEIGHT_MAX: f64 = 100_000.0;

// === impl Mix ===

impl Mix {
    pub(super) fn draw(&self, rng: &mut Rng) -> EventType {
        let total: u32 = self.0.iter().map(|(_, weight)| weight).sum();
        let mut draw = rng.u32(0..total);
        for (event_type, weight) in &self.0 {
            if draw < *weight {
                return *event_type;
            }
            draw -= weight;
        }
        EventType::Send
    }
}

impl Default for Mix {
    /// The mix of a healthy sender, per 1,000 events.
    fn default() -> Self {
        Self(vec![
            (EventType::Send, 361),
            (EventType::Delivery, 360),
            (EventType::Open, 154),
            (EventType::Click, 50),
            (EventType::Bounce, 30),
            (EventType::DeliveryDelay, 30),
            (EventType::Complaint, 5),
            (EventType::Subscription, 5),
            (EventType::RenderingFailure, 3),
            (EventType::Reject, 2),
        ])
    }
}

impl FromStr for Mix {
    type Err = String;

    /// Reads `send=50,delivery=40,bounce=1.5`. The weights need not add up to anything.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    fn from_str(text: &str) -> Result<Self, String> {
        let mut mix: Vec<(EventType, u32)> = Vec::new();
        for part in text.split(',') {
            let Some((name, weight)) = part.split_once('=') else {
                return Err(format!("`{part}` is not of the form TYPE=WEIGHT, such as send=50"));
            };
            let Some(event_type) = EventType::parse(name.trim().as_bytes()) else {
                return Err(format!(
                    "`{name}` is not an event type, such as send or deliveryDelay"
                ));
            };
            if mix.iter().any(|(known, _)| *known == event_type) {
                return Err(format!("`{name}` is repeated"));
            }
            let number = weight.trim().parse::<f64>().ok();
            let Some(number) = number.filter(|number| (0.0..=WEIGHT_MAX).contains(number)) else {
                return Err(format!(
                    "the weight `{weight}` is not a number from 0 to {WEIGHT_MAX}"
                ));
            };
            mix.push((event_type, (number * PARTS).round() as u32));
        }
        if mix.iter().all(|(_, weight)| *weight == 0) {
            return Err("every weight is 0; set at least one type to 0.001 or more".to_owned());
        }
        Ok(Self(mix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_occur_in_their_shares() {
        let mix: Mix = "send=3,DELIVERY_DELAY=0.5, rendering failure = 0.5,open=0".parse().unwrap();
        let mut rng = Rng::with_seed(4);
        let drawn: Vec<_> = (0..8000).map(|_| mix.draw(&mut rng)).collect();
        let count = |wanted| drawn.iter().filter(|drawn| **drawn == wanted).count();
        assert!((5700..6300).contains(&count(EventType::Send)));
        assert!((800..1200).contains(&count(EventType::DeliveryDelay)));
        assert!((800..1200).contains(&count(EventType::RenderingFailure)));
        assert_eq!(count(EventType::Open), 0);
    }

    #[test]
    fn invalid_mix_is_rejected_with_a_reason() {
        for (text, reason) in [
            ("", "TYPE=WEIGHT"),
            ("send", "TYPE=WEIGHT"),
            ("sent=1", "not an event type"),
            ("send=-1", "not a number"),
            ("send=NaN", "not a number"),
            ("send=1e9", "not a number"),
            ("send=1,SEND=2", "repeated"),
            ("send=0,open=0.0001", "every weight"),
        ] {
            let error = text.parse::<Mix>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
