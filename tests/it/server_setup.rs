//! Settings that a server rejects before it serves.

use std::io;

use birpc::{Router, ServeError, Server};

#[tokio::test]
async fn a_subprotocol_that_is_no_token_is_refused() {
    for bad in ["a,b", "bad\nname", "", "two words"] {
        let builder = || Server::builder().subprotocols(["birpc.v1", bad]);
        let error = builder().bind("127.0.0.1:0").await.expect_err("it is no name");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("{bad:?} is no subprotocol")), "{error}");

        let mounted = builder().mount(Router::new());
        assert!(matches!(mounted, Err(ServeError::Subprotocol(_))), "{mounted:?}");
        let listener = || async { tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port") };
        let served = builder().from_listener(listener().await).serve(Router::new()).await;
        assert!(matches!(served, Err(ServeError::Subprotocol(_))), "{served:?}");
        let served = builder().from_listener(listener().await).serve_with(|_| Router::new()).await;
        assert!(matches!(served, Err(ServeError::Subprotocol(_))), "{served:?}");
    }
    Server::builder().subprotocols([""; 0]).bind("127.0.0.1:0").await.expect("none is no bad one");
}
