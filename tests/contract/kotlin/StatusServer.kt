package org.tandem.contract

import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.SocketException
import kotlin.concurrent.thread

/** A SIP server on loopback that answers every request with [status], or with nothing at all. */
class StatusServer(private val status: Int?) : AutoCloseable {
    private val socket = DatagramSocket(0, InetAddress.getLoopbackAddress())
    val address = "127.0.0.1:${socket.localPort}"

    @Volatile var requests = 0
        private set

    private val answering = thread(name = "status-server", isDaemon = true) {
        try {
            while (true) answer()
        } catch (_: SocketException) {
            // closed
        }
    }

    private fun answer() {
        val packet = DatagramPacket(ByteArray(65_536), 65_536)
        socket.receive(packet)
        val lines = String(packet.data, 0, packet.length).substringBefore("\r\n\r\n").split("\r\n")
        if (lines.first().isBlank()) return
        requests += 1
        val kept = lines.drop(1).filter { it.substringBefore(':').trim().lowercase() in COPIED }
            .map { if (it.startsWith("To", ignoreCase = true) && ";tag=" !in it) "$it;tag=far" else it }
        val status = status ?: return
        val answer = listOf("SIP/2.0 $status No") + kept + "Content-Length: 0"
        val bytes = answer.joinToString("\r\n", postfix = "\r\n\r\n").toByteArray()
        socket.send(DatagramPacket(bytes, bytes.size, packet.socketAddress))
    }

    override fun close() {
        socket.close()
        answering.join()
    }

    private companion object {
        val COPIED = setOf("via", "from", "to", "call-id", "cseq")
    }
}
