//! Events, pulled. UniFFI has no generics, so each subscription is an object of its own, stamped here.

/// One subscription: the object, and what its `next` gives.
macro_rules! subscription {
    (
        $(#[$doc:meta])*
        $name:ident over $stream:ident gives $update:ident::$variant:ident { $field:ident: $item:ty }
        by $convert:expr
    ) => {
        /// What the subscription gives.
        #[allow(
            clippy::large_enum_variant,
            reason = "it is taken apart at once, on its way to the other language"
        )]
        #[derive(uniffi::Enum)]
        pub enum $update {
            /// What is, or what happened. The first is everything there is.
            $variant {
                /// It.
                $field: $item,
            },
            /// The reader was too slow, and so many events are gone; everything there is comes next.
            Lagged {
                /// How many.
                missed: u64,
            },
        }

        $(#[$doc])*
        #[derive(uniffi::Object)]
        pub struct $name {
            app: std::sync::Arc<tandem_engine::app::App>,
            stream: tokio::sync::Mutex<tandem_engine::app::$stream>,
            end: tandem_engine::StreamEnd,
        }

        impl $name {
            pub(crate) fn new(
                app: &std::sync::Arc<tandem_engine::app::App>,
                stream: tandem_engine::app::$stream,
            ) -> std::sync::Arc<Self> {
                std::sync::Arc::new(Self {
                    app: app.clone(),
                    end: stream.end_handle(),
                    stream: tokio::sync::Mutex::new(stream),
                })
            }
        }

        #[uniffi::export]
        impl $name {
            /// The next one; waits for it. `None` when this subscription, what it is about, or the core has
            /// ended. Cancel-safe: giving a wait up loses nothing.
            pub async fn next(&self) -> Option<$update> {
                let update = self.stream.lock().await.next().await?;
                Some(match update {
                    tandem_engine::app::Update::Next(item) => $update::$variant {
                        $field: ($convert)(&self.app, item),
                    },
                    tandem_engine::app::Update::Lagged { missed } => $update::Lagged { missed },
                })
            }

            /// Ends it, also while somebody waits for its next.
            pub fn end(&self) {
                self.end.end();
            }
        }
    };
}

pub(crate) use subscription;
