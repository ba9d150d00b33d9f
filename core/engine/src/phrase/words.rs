//! The words of a safety phrase: chosen to be heard apart over a bad line, and to begin unlike each other.

/// One word for each byte, in the order of the alphabet. The order is part of the phrase: two phones compare
/// what it gives, so it never changes.
#[rustfmt::skip]
pub(super) const WORDS: [&str; 256] = [
    "acorn", "actor", "album", "alley", "amber", "angel", "ankle", "apple",
    "apron", "arrow", "atlas", "attic", "bacon", "badge", "bagel", "baker",
    "banjo", "barge", "basin", "basket", "beach", "beard", "beaver", "bench",
    "berry", "bishop", "blanket", "boat", "bonnet", "book", "bottle", "bowl",
    "branch", "brass", "bread", "brick", "bridge", "broom", "brush", "bucket",
    "bugle", "butter", "cabin", "cactus", "camel", "candle", "canoe", "carpet",
    "carrot", "castle", "cedar", "cellar", "chair", "chalk", "cherry", "chimney",
    "circus", "cliff", "cloud", "clover", "coach", "cobra", "coffee", "comet",
    "copper", "coral", "cotton", "crab", "cradle", "crayon", "cricket", "crown",
    "curtain", "daisy", "dancer", "desert", "diamond", "dinner", "dolphin", "donkey",
    "dragon", "drum", "duck", "eagle", "easel", "echo", "elbow", "engine",
    "farmer", "feather", "fence", "ferry", "fiddle", "finger", "flag", "flame",
    "flute", "forest", "fork", "fossil", "fountain", "frog", "garden", "garlic",
    "giant", "ginger", "glass", "globe", "gold", "goose", "grape", "grass",
    "guitar", "hammer", "harbor", "harp", "hawk", "hazel", "hedge", "helmet",
    "heron", "honey", "horse", "hotel", "igloo", "iron", "island", "ivory",
    "jacket", "jaguar", "jelly", "jewel", "jungle", "kettle", "king", "kitten",
    "knife", "ladder", "lake", "lamp", "lantern", "lemon", "leopard", "letter",
    "lily", "lion", "lizard", "lobster", "magnet", "maple", "marble", "market",
    "mask", "meadow", "medal", "melon", "mirror", "monkey", "moon", "moss",
    "mountain", "mouse", "muffin", "museum", "mustard", "napkin", "needle", "nest",
    "north", "nurse", "oasis", "ocean", "olive", "onion", "orange", "orbit",
    "otter", "oven", "oyster", "paddle", "palace", "panda", "paper", "parrot",
    "peach", "pearl", "pebble", "pencil", "pepper", "piano", "pigeon", "pillow",
    "pilot", "pirate", "planet", "pocket", "poppy", "potato", "prince", "puddle",
    "pumpkin", "puppet", "rabbit", "radio", "raven", "ribbon", "river", "robin",
    "rocket", "rose", "ruby", "saddle", "sailor", "salad", "sand", "scarf",
    "shadow", "sheep", "silver", "snail", "spider", "spoon", "squirrel", "star",
    "stone", "storm", "sugar", "table", "tailor", "teapot", "temple", "thunder",
    "tiger", "tomato", "tower", "train", "tulip", "tunnel", "turtle", "umbrella",
    "valley", "velvet", "violin", "volcano", "wagon", "walnut", "water", "whale",
    "wheat", "window", "winter", "wizard", "wolf", "yarn", "zebra", "zipper",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::WORDS;

    #[test]
    fn every_word_is_told_apart_by_its_first_four_letters() {
        let beginnings: BTreeSet<String> = WORDS
            .iter()
            .map(|word| word.chars().take(4).collect())
            .collect();
        assert_eq!(beginnings.len(), WORDS.len());
        assert!(WORDS.is_sorted());
        assert!(
            WORDS
                .iter()
                .all(|word| word.chars().all(|c| c.is_ascii_lowercase()))
        );
    }
}
