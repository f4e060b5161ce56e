//! Archives counted again: objects in S3 and files in folders, each once.
//!
//! A [`Plan`] is made of what the inputs hold: which objects are chosen by their times, were not counted
//! before, and are not too old. [`Work`] reads them, many at once, each into a batch of its own that is
//! merged in one step. With a journal that knows the ids, a replay that was interrupted goes on where it
//! was. Events count at their own times.

#[cfg(feature = "s3")]
pub mod bucket;
pub mod folder;
mod input;
mod layout;
mod object;
mod plan;
mod progress;
mod reader;
mod work;

pub use input::Input;
pub use plan::{PassedOver, Plan, Range, TooMany, counts_too_old};
pub use progress::{Figures, Progress, Totals};
pub use reader::Reader;
pub use work::{Engine, Taker, Work};
