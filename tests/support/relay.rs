//! Something between the proxy and a server that can be cut.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

/// Takes connections, and carries them to a port of this machine.
pub struct Relay {
    port: u16,
    carried: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// Listens on `address`; port 0: on any.
    pub fn start(address: (&str, u16), to: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let port = listener.local_addr()?.port();
        let carried: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let all = Arc::clone(&carried);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
                all.lock().push(client.try_clone().unwrap());
                carry(client.try_clone().unwrap(), server.try_clone().unwrap());
                carry(server, client);
            }
        });
        Ok(Self { port, carried })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All its connections break; new ones are carried.
    pub fn cut(&self) {
        for connection in self.carried.lock().drain(..) {
            connection.shutdown(Shutdown::Both).ok();
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        io::copy(&mut from, &mut to).ok();
        to.shutdown(Shutdown::Both).ok();
    });
}
